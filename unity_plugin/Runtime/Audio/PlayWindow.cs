using System;

namespace SoundReactor.Audio
{
    /// <summary>
    /// The stretch of sound around the place that is being played, in one piece, as the filter needs it; the ring may wrap
    /// anywhere. Thread: audio; nothing is allocated after the constructor.
    /// </summary>
    internal sealed class PlayWindow
    {
        /// <summary>Frames of a crossfade over a skip: 5 ms.</summary>
        internal const int CrossfadeFrames = 240;
        /// <summary>Frames that can be filled at once: the rest is for the filter and a crossfade.</summary>
        internal const int MaxFill = Frames - 1024;
        private const int Frames = 4096;
        private readonly float[] _samples = new float[2 * Frames];
        private readonly float[] _old = new float[2 * CrossfadeFrames];
        private int _valid; // frames
        private double _place; // of the next output sample, in frames

        /// <summary>Frames that have been taken from the ring and not yet played.</summary>
        internal double Waiting { get { return Math.Max(0, _valid - _place); } }

        /// <summary>Begin with silence before the first frame: half a filter.</summary>
        internal void Begin(int silentFrames)
        {
            _place = 0;
            _valid = silentFrames;
            Array.Clear(_samples, 0, 2 * silentFrames);
        }

        /// <summary>Forget everything.</summary>
        internal void Clear()
        {
            _valid = 0;
            _place = 0;
        }

        /// <summary>Take from the ring what <paramref name="frames"/> steps on will need, as far as it is there.</summary>
        internal void Fill(SampleRing ring, double frames, int taps)
        {
            int wanted = (int)(_place + frames) + taps + 1;
            if (wanted > _valid)
            {
                int used = Compact();
                int missing = Math.Min(wanted - used, Frames) - _valid;
                _valid += ring.Read(_samples, _valid, Math.Max(0, missing));
            }
        }

        /// <summary>Make the next sample and go on by <paramref name="step"/> frames; false if too little is here.</summary>
        internal bool TryNext(SincKernel kernel, double step, out float left, out float right)
        {
            int whole = (int)_place;
            if (whole + kernel.Taps > _valid)
            {
                left = right = 0f;
                return false;
            }
            kernel.Apply(_samples, whole, _place - whole, out left, out right);
            _place += step;
            return true;
        }

        /// <summary>Step over frames of the ring with a crossfade; false if window or ring cannot do it now.</summary>
        internal bool Skip(SampleRing ring, int frames)
        {
            if (_valid + CrossfadeFrames > Frames || ring.Level < frames + CrossfadeFrames)
            {
                return false;
            }
            Compact();
            ring.Read(_old, 0, CrossfadeFrames);
            ring.Discard(frames - CrossfadeFrames);
            ring.Read(_samples, _valid, CrossfadeFrames);
            Crossfade();
            _valid += CrossfadeFrames;
            return true;
        }

        private void Crossfade()
        {
            for (int i = 0, at = 2 * _valid; i < CrossfadeFrames; i++, at += 2)
            {
                float weight = (i + 0.5f) / CrossfadeFrames;
                _samples[at] = _old[2 * i] + weight * (_samples[at] - _old[2 * i]);
                _samples[at + 1] = _old[2 * i + 1] + weight * (_samples[at + 1] - _old[2 * i + 1]);
            }
        }

        /// <summary>Move what is still needed to the window's start; returns by how many frames.</summary>
        private int Compact()
        {
            int used = Math.Min((int)_place, _valid);
            if (used > 0)
            {
                Buffer.BlockCopy(_samples, 8 * used, _samples, 0, 8 * (_valid - used));
                _valid -= used;
                _place -= used;
            }
            return used;
        }
    }
}
