using System;
using System.IO;

namespace SoundReactor.Audio
{
    /// <summary>
    /// Writes 16-bit stereo WAV. The header is kept up to date, so that the file is whole even if nobody closes it.
    /// One thread at a time.
    /// </summary>
    public sealed class WavWriter : IDisposable
    {
        private const int HeaderBytes = 44;
        private const int FramesPerUpdate = 48000;
        private readonly Stream _stream;
        private byte[] _bytes = new byte[4 * 1600];
        private int _sinceUpdate;

        /// <summary>Begin a file on <paramref name="stream"/>, which must be able to seek; it is disposed with this.</summary>
        public WavWriter(Stream stream, int sampleRate)
        {
            _stream = stream;
            SampleRate = sampleRate;
            WriteHeader();
        }

        /// <summary>Samples per second and channel.</summary>
        public int SampleRate { get; private set; }
        /// <summary>Frames written so far.</summary>
        public long Frames { get; private set; }

        /// <summary>Add interleaved stereo frames; values beyond ±1 are clipped.</summary>
        public void Write(float[] interleaved, int frames)
        {
            if (_bytes.Length < 4 * frames)
            {
                _bytes = new byte[4 * frames];
            }
            for (int i = 0; i < 2 * frames; i++)
            {
                float value = Math.Max(-1f, Math.Min(1f, interleaved[i]));
                int sample = (int)Math.Round(32767f * value);
                _bytes[2 * i] = (byte)sample;
                _bytes[2 * i + 1] = (byte)(sample >> 8);
            }
            _stream.Write(_bytes, 0, 4 * frames);
            Frames += frames;
            _sinceUpdate += frames;
            if (_sinceUpdate >= FramesPerUpdate)
            {
                WriteHeader();
            }
        }

        /// <summary>Finish the file.</summary>
        public void Dispose()
        {
            try
            {
                WriteHeader();
            }
            finally
            {
                _stream.Dispose();
            }
        }

        private void WriteHeader()
        {
            _sinceUpdate = 0;
            long bytes = Math.Min(4 * Frames, uint.MaxValue - HeaderBytes); // what the format can say
            byte[] head = new byte[HeaderBytes];
            Name(head, 0, "RIFF");
            Number(head, 4, bytes + HeaderBytes - 8, 4);
            Name(head, 8, "WAVEfmt ");
            Number(head, 16, 16, 4);
            Number(head, 20, 1, 2);
            Number(head, 22, 2, 2);
            Number(head, 24, SampleRate, 4);
            Number(head, 28, 4L * SampleRate, 4);
            Number(head, 32, 4, 2);
            Number(head, 34, 16, 2);
            Name(head, 36, "data");
            Number(head, 40, bytes, 4);
            _stream.Position = 0;
            _stream.Write(head, 0, HeaderBytes);
            _stream.Position = _stream.Length;
        }

        private static void Name(byte[] data, int at, string name)
        {
            for (int i = 0; i < name.Length; i++)
            {
                data[at + i] = (byte)name[i];
            }
        }

        private static void Number(byte[] data, int at, long value, int bytes)
        {
            for (int i = 0; i < bytes; i++)
            {
                data[at + i] = (byte)(value >> (8 * i));
            }
        }
    }
}
