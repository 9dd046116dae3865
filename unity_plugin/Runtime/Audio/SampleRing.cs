using System;
using System.Threading;

namespace SoundReactor.Audio
{
    /// <summary>
    /// Stereo sound on its way from the network to the mixer: one writer, one reader, no lock, nothing allocated.
    /// Both indices only grow; each is written by one side alone, and published after the samples it covers.
    /// </summary>
    public sealed class SampleRing
    {
        private readonly float[] _samples;
        private readonly int _mask;
        private long _written;
        private long _read;

        /// <summary>Create a ring; <paramref name="frames"/> is rounded up to a power of two.</summary>
        public SampleRing(int frames)
        {
            int size = 1;
            while (size < frames)
            {
                size *= 2;
            }
            _samples = new float[2 * size];
            _mask = size - 1;
        }

        /// <summary>Frames that fit.</summary>
        public int Capacity { get { return _mask + 1; } }

        /// <summary>Frames that wait. Thread: any.</summary>
        public int Level { get { return (int)(Interlocked.Read(ref _written) - Interlocked.Read(ref _read)); } }

        /// <summary>Add interleaved frames, all or none. Thread: the writer.</summary>
        public bool Write(float[] interleaved, int frames)
        {
            if (frames > Capacity - Level)
            {
                return false;
            }
            int at = (int)(_written & _mask);
            int first = Math.Min(frames, Capacity - at);
            Buffer.BlockCopy(interleaved, 0, _samples, 8 * at, 8 * first);
            Buffer.BlockCopy(interleaved, 8 * first, _samples, 0, 8 * (frames - first));
            Interlocked.Exchange(ref _written, _written + frames);
            return true;
        }

        /// <summary>Take frames into <paramref name="target"/> from frame <paramref name="at"/>; returns how many. Thread: the reader.</summary>
        public int Read(float[] target, int at, int frames)
        {
            int count = Math.Min(frames, Level);
            int from = (int)(_read & _mask);
            int first = Math.Min(count, Capacity - from);
            Buffer.BlockCopy(_samples, 8 * from, target, 8 * at, 8 * first);
            Buffer.BlockCopy(_samples, 0, target, 8 * (at + first), 8 * (count - first));
            Interlocked.Exchange(ref _read, _read + count);
            return count;
        }

        /// <summary>Throw frames away; returns how many. Thread: the reader.</summary>
        public int Discard(int frames)
        {
            int count = Math.Min(frames, Level);
            Interlocked.Exchange(ref _read, _read + count);
            return count;
        }
    }
}
