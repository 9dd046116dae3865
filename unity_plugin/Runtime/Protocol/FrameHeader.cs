namespace SoundReactor.Protocol
{
    /// <summary>The 40 bytes before a frame's pixels.</summary>
    public struct FrameHeader
    {
        /// <summary>Bytes of the header.</summary>
        public const int Bytes = 40;

        /// <summary>How the pixels are stored.</summary>
        public FrameFormat Format;
        /// <summary>Scene cut, row order.</summary>
        public FrameFlags Flags;
        /// <summary>The session's number, from <see cref="Welcome.Session"/>.</summary>
        public uint Session;
        /// <summary>1, 2, 3 … within the session.</summary>
        public ulong Seq;
        /// <summary>When the picture was taken, on <see cref="MonotonicClock"/>.</summary>
        public long CaptureNs;
        /// <summary>Pixels in a row.</summary>
        public int Width;
        /// <summary>Rows.</summary>
        public int Height;
        /// <summary>Bytes after the header.</summary>
        public int PayloadBytes;
        /// <summary>The simulator's step in lockstep; 0 if live.</summary>
        public ulong Step;

        /// <summary>Write the header to <paramref name="data"/>, from index <paramref name="at"/>.</summary>
        public void Write(byte[] data, int at)
        {
            data[at] = (byte)MessageKind.Frame;
            data[at + 1] = (byte)Format;
            LittleEndian.Put(data, at + 2, (ulong)Flags, 2);
            LittleEndian.Put(data, at + 4, Session, 4);
            LittleEndian.Put(data, at + 8, Seq, 8);
            LittleEndian.Put(data, at + 16, unchecked((ulong)CaptureNs), 8);
            LittleEndian.Put(data, at + 24, (ulong)Width, 2);
            LittleEndian.Put(data, at + 26, (ulong)Height, 2);
            LittleEndian.Put(data, at + 28, (ulong)PayloadBytes, 4);
            LittleEndian.Put(data, at + 32, Step, 8);
        }
    }
}
