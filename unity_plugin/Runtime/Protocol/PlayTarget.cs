namespace SoundReactor.Protocol
{
    /// <summary>Who plays the generated sound.</summary>
    public enum PlayTarget
    {
        /// <summary>This engine: the sound comes back over the wire, into the engine's own mixer.</summary>
        Engine,
        /// <summary>The runtime, on its own sound device; nothing comes back.</summary>
        Runtime,
        /// <summary>Both.</summary>
        Both
    }
}
