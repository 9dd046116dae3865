using System;

namespace SoundReactor.Protocol
{
    /// <summary>The 40 bytes before a hop's samples.</summary>
    public struct AudioHeader
    {
        /// <summary>Bytes of the header.</summary>
        public const int Bytes = 40;
        /// <summary>The most samples per channel that one message may carry: one lockstep step of a second.</summary>
        public const int MaxSamples = 96000;

        /// <summary>How the samples travelled.</summary>
        public AudioFormat Format;
        /// <summary>Fade-in, repeated frame, degraded.</summary>
        public AudioFlags Flags;
        /// <summary>The session's number.</summary>
        public uint Session;
        /// <summary>Place on the session's time line: samples 1600·hop and on.</summary>
        public long Hop;
        /// <summary>Time stamp of the newest frame heard, echoed.</summary>
        public long CaptureNs;
        /// <summary>Samples per channel.</summary>
        public int Samples;
        /// <summary>Age of that frame when the hop started, in microseconds.</summary>
        public uint AgeUs;
        /// <summary>Sequence number of that frame.</summary>
        public ulong Seq;

        /// <summary>Read the header of a whole audio message and check it against the message's length.</summary>
        /// <exception cref="WireException">The message is not what its header says.</exception>
        public static AudioHeader Parse(byte[] data, int at, int length)
        {
            if (length < Bytes || data[at] != (byte)MessageKind.Audio)
            {
                throw new WireException("an audio message has a header of 40 bytes; this one has " + length + " bytes");
            }
            uint samples = (uint)LittleEndian.Get(data, at + 24, 4);
            AudioFormat format = (AudioFormat)data[at + 1];
            CheckSize(format, samples, length - Bytes);
            AudioHeader header = new AudioHeader();
            header.Format = format;
            header.Flags = (AudioFlags)LittleEndian.Get(data, at + 2, 2);
            header.Session = (uint)LittleEndian.Get(data, at + 4, 4);
            header.Hop = unchecked((long)LittleEndian.Get(data, at + 8, 8));
            header.CaptureNs = unchecked((long)LittleEndian.Get(data, at + 16, 8));
            header.Samples = (int)samples;
            header.AgeUs = (uint)LittleEndian.Get(data, at + 28, 4);
            header.Seq = LittleEndian.Get(data, at + 32, 8);
            return header;
        }

        /// <summary>Copy the samples behind the header, interleaved, as floats; NaN becomes silence.</summary>
        /// <returns>How many floats were written: twice <see cref="Samples"/>.</returns>
        public int CopySamples(byte[] data, int at, float[] target)
        {
            int count = 2 * Samples;
            if (Format == AudioFormat.Float32)
            {
                CopyFloats(data, at + Bytes, target, count);
                return count;
            }
            for (int i = 0, from = at + Bytes; i < count; i++, from += 2)
            {
                target[i] = (short)(data[from] | (data[from + 1] << 8)) * (1f / 32767f);
            }
            return count;
        }

        private static void CopyFloats(byte[] data, int from, float[] target, int count)
        {
            Buffer.BlockCopy(data, from, target, 0, 4 * count); // every platform of Unity is little-endian
            for (int i = 0; i < count; i++)
            {
                float value = target[i];
                if (!(value >= -4f && value <= 4f))
                {
                    target[i] = value > 4f ? 4f : value < -4f ? -4f : 0f; // the last: NaN
                }
            }
        }

        private static void CheckSize(AudioFormat format, uint samples, int payload)
        {
            if (format != AudioFormat.Float32 && format != AudioFormat.Int16)
            {
                throw new WireException("audio format 1 or 2 expected, got " + (int)format);
            }
            if (samples > MaxSamples)
            {
                throw new WireException("at most " + MaxSamples + " samples expected, got " + samples);
            }
            long expected = (long)samples * (format == AudioFormat.Float32 ? 8 : 4);
            if (expected != payload)
            {
                throw new WireException("audio payload of " + expected + " bytes expected, got " + payload);
            }
        }
    }
}
