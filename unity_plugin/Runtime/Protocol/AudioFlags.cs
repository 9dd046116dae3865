using System;

namespace SoundReactor.Protocol
{
    /// <summary>What the runtime says about a hop.</summary>
    [Flags]
    public enum AudioFlags : ushort
    {
        /// <summary>An ordinary hop.</summary>
        None = 0,
        /// <summary>Time was lost before this hop; its first 5 ms are faded in.</summary>
        FadeIn = 1,
        /// <summary>No new frame had come since the hop before.</summary>
        RepeatedFrame = 2,
        /// <summary>The runtime was late.</summary>
        Degraded = 4
    }
}
