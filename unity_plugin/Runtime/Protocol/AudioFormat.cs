namespace SoundReactor.Protocol
{
    /// <summary>How samples travel; both arrive as float.</summary>
    public enum AudioFormat : byte
    {
        /// <summary>Four bytes a sample: exact.</summary>
        Float32 = 1,
        /// <summary>Two bytes a sample: half the traffic.</summary>
        Int16 = 2
    }
}
