using System;

namespace SoundReactor.Audio
{
    /// <summary>
    /// What keeps sound from clicking where it begins and ends: a fade in, a fade out towards an end that is foreseen, and
    /// the decay of the last sample after an end that was not. Thread: audio.
    /// </summary>
    internal sealed class EdgeFades
    {
        /// <summary>Frames of a fade in, and of a decay: 5 ms.</summary>
        internal const int InFrames = 240;
        private const int OutFrames = 480; // 10 ms
        private const int ShortestOutFrames = 96; // 2 ms; with less left, only the last sample is faded
        private const int NoEnd = int.MaxValue;
        private int _in;
        private int _outIn = NoEnd; // output frames until the ring will be empty, if within this block
        private float _outLength = OutFrames;
        private float _lastLeft, _lastRight;
        private int _decay;

        /// <summary>Whether the foreseen end is here.</summary>
        internal bool HasEnded { get { return _outIn <= 0; } }

        /// <summary>Sound begins.</summary>
        internal void Begin()
        {
            _in = InFrames;
            _outIn = NoEnd;
        }

        /// <summary>No end is foreseen.</summary>
        internal void Forget()
        {
            _outIn = NoEnd;
        }

        /// <summary>Sound will end after <paramref name="frames"/> frames.</summary>
        internal void EndAfter(int frames)
        {
            _outIn = frames;
            _outLength = Math.Max(1, Math.Min(OutFrames, frames));
        }

        /// <summary>Fade a frame of sound.</summary>
        internal void Apply(ref float left, ref float right)
        {
            float weight = 1f;
            if (_in > 0)
            {
                weight = 1f - (float)_in-- / InFrames;
            }
            if (_outIn != NoEnd && --_outIn < _outLength && _outLength >= ShortestOutFrames)
            {
                weight *= _outIn / _outLength;
            }
            left *= weight;
            right *= weight;
            _lastLeft = left;
            _lastRight = right;
            _decay = InFrames;
        }

        /// <summary>There is no sound: let the last frame fade instead of cutting it.</summary>
        internal void Decay(out float left, out float right)
        {
            float rest = _decay > 0 ? (float)_decay-- / InFrames : 0f;
            left = rest * _lastLeft;
            right = rest * _lastRight;
        }
    }
}
