using System;
using System.IO;
using System.Threading;

namespace SoundReactor.Audio
{
    /// <summary>
    /// Records generated sound to a WAV file. The network's thread only adds to a ring; the disk is written where
    /// <see cref="Flush"/> is called, often, on the main thread.
    /// </summary>
    public sealed class TakeRecorder : IDisposable
    {
        private const int RingFrames = 1 << 18; // 5.4 s: the longest that an editor may hang
        private const int PieceFrames = 4800;
        private readonly SampleRing _ring = new SampleRing(RingFrames);
        private readonly float[] _piece = new float[2 * PieceFrames];
        private readonly WavWriter _writer;
        private int _lost;

        /// <summary>Begin a take at <paramref name="path"/>; the folder is made if needed.</summary>
        /// <exception cref="IOException">The file cannot be made.</exception>
        public TakeRecorder(string path, int sampleRate) : this(path, Create(path), sampleRate)
        {
        }

        /// <summary>Begin a take on a stream that can seek; <paramref name="path"/> is what messages call it.</summary>
        public TakeRecorder(string path, Stream stream, int sampleRate)
        {
            Path = path;
            Failure = "";
            _writer = new WavWriter(stream, sampleRate);
        }

        private static Stream Create(string path)
        {
            Directory.CreateDirectory(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path)));
            return new FileStream(path, FileMode.Create, FileAccess.ReadWrite, FileShare.Read);
        }

        /// <summary>The file.</summary>
        public string Path { get; private set; }
        /// <summary>Length so far.</summary>
        public double Seconds { get { return (double)_writer.Frames / _writer.SampleRate; } }
        /// <summary>Why the disk takes no more; empty while it does.</summary>
        public string Failure { get; private set; }
        /// <summary>Pieces lost because <see cref="Flush"/> was not called for seconds.</summary>
        public int Lost { get { return Volatile.Read(ref _lost); } }

        /// <summary>Add interleaved stereo sound. Thread: network.</summary>
        public void Write(float[] interleaved, int frames)
        {
            if (!_ring.Write(interleaved, frames))
            {
                Volatile.Write(ref _lost, _lost + 1);
            }
        }

        /// <summary>Write what waits to the disk; false if it takes no more, see <see cref="Failure"/>. Thread: main.</summary>
        public bool Flush()
        {
            try
            {
                if (Failure.Length == 0)
                {
                    WriteAll();
                }
            }
            catch (IOException error)
            {
                Failure = "cannot write " + Path + ": " + error.Message;
            }
            return Failure.Length == 0;
        }

        private void WriteAll()
        {
            for (int count = PieceFrames; count == PieceFrames;)
            {
                count = _ring.Read(_piece, 0, PieceFrames);
                if (count > 0)
                {
                    _writer.Write(_piece, count);
                }
            }
        }

        /// <summary>Write the rest and close the file. Thread: main.</summary>
        public void Dispose()
        {
            Flush();
            try
            {
                _writer.Dispose();
            }
            catch (IOException error)
            {
                Failure = "cannot write " + Path + ": " + error.Message;
            }
        }
    }
}
