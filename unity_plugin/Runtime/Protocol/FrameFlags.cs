using System;

namespace SoundReactor.Protocol
{
    /// <summary>What the runtime must know about a frame besides its pixels.</summary>
    [Flags]
    public enum FrameFlags : ushort
    {
        /// <summary>An ordinary frame, top row first.</summary>
        None = 0,
        /// <summary>The first frame after a scene cut: its difference to the frame before counts as zero.</summary>
        Discontinuity = 1,
        /// <summary>The bottom row comes first, as in the memory of Unity's textures.</summary>
        BottomUp = 2
    }
}
