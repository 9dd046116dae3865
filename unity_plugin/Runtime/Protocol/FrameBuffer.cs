using System;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// Room for one frame with its headers, so that it leaves in one piece without another copy. Get it from
    /// <see cref="RuntimeClient.BeginFrame"/>, write pixels at <see cref="PixelsAt"/>, and commit it.
    /// </summary>
    public sealed class FrameBuffer
    {
        /// <summary>Index of the first pixel byte in <see cref="Data"/>.</summary>
        public const int PixelsAt = Zmtp.MaxHeaderBytes + FrameHeader.Bytes;

        private int _payloadBytes;

        internal FrameBuffer()
        {
            Data = new byte[PixelsAt];
        }

        /// <summary>The bytes; pixels begin at <see cref="PixelsAt"/>.</summary>
        public byte[] Data { get; private set; }
        /// <summary>How the pixels are stored.</summary>
        public FrameFormat Format { get; private set; }
        /// <summary>Pixels in a row.</summary>
        public int Width { get; private set; }
        /// <summary>Rows.</summary>
        public int Height { get; private set; }
        /// <summary>Bytes of pixels; may be set lower for a JPEG.</summary>
        /// <exception cref="ArgumentOutOfRangeException">More than there is room for.</exception>
        public int PayloadBytes
        {
            get { return _payloadBytes; }
            set
            {
                if (value < 0 || value > Data.Length - PixelsAt)
                {
                    throw new ArgumentOutOfRangeException(
                        "value", "0 to " + (Data.Length - PixelsAt) + " bytes expected, got " + value);
                }
                _payloadBytes = value;
            }
        }

        internal int Length { get { return PixelsAt + PayloadBytes; } }

        internal void Prepare(int width, int height, FrameFormat format, int payloadBytes)
        {
            Width = width;
            Height = height;
            Format = format;
            if (Data.Length < PixelsAt + payloadBytes)
            {
                Data = new byte[PixelsAt + payloadBytes];
            }
            PayloadBytes = payloadBytes;
        }

        internal void Seal(uint session, ulong seq, FrameFlags flags, long captureNs, ulong step)
        {
            FrameHeader header = new FrameHeader();
            header.Format = Format;
            header.Flags = flags;
            header.Session = session;
            header.Seq = seq;
            header.CaptureNs = captureNs;
            header.Width = Width;
            header.Height = Height;
            header.PayloadBytes = PayloadBytes;
            header.Step = step;
            Data[0] = Zmtp.Long;
            Zmtp.WriteLongLength(Data, 1, FrameHeader.Bytes + PayloadBytes);
            header.Write(Data, Zmtp.MaxHeaderBytes);
        }
    }
}
