namespace SoundReactor
{
    /// <summary>How much sound waits in the engine: the runtime's own presets.</summary>
    public enum LatencyPreset
    {
        /// <summary>67 ms: for a fast, quiet machine.</summary>
        Low = 67,
        /// <summary>83 ms.</summary>
        Balanced = 83,
        /// <summary>133 ms: for a machine that is busy.</summary>
        Safe = 133
    }
}
