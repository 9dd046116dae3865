using System;

namespace SoundReactor.Audio
{
    /// <summary>
    /// Keeps the ring at its target although runtime and sound card have different clocks: a PI controller on the
    /// smoothed level, at most half a per cent of speed. Underruns raise the target, quiet time lowers it again.
    /// Thread: audio.
    /// </summary>
    public sealed class LevelControl
    {
        private const double MaxChange = 0.005; // half a per cent: 9 cents, and far more than clocks differ
        private const double SmoothingS = 1.0;
        private const double PullS = 6.0; // an error is to be gone after about this long
        private const double IntegralPerS = 4e-7; // of one frame's error; settles to 1 ppm in half a minute
        private const double RaisedBy = 1.5;
        private const double MaxTargetMs = 250;
        private const double LowerEveryS = 30;
        private readonly int _rate;
        private double _smoothed;
        private double _integral;
        private double _raised = 1;
        private double _quietS;
        private double _base;

        /// <summary>Create a controller for sound of <paramref name="rate"/> frames per second.</summary>
        public LevelControl(int rate)
        {
            _rate = rate;
        }

        /// <summary>Frames that shall wait on average before a block is taken.</summary>
        public double TargetFrames
        {
            get { return Math.Max(_base, Math.Min(_base * _raised, MaxTargetMs * 1e-3 * _rate)); }
        }

        /// <summary>Set the target without the raise by underruns.</summary>
        public void SetBase(double frames)
        {
            _base = frames;
        }

        /// <summary>Begin at a level, keeping what was learned of the clocks.</summary>
        public void Start(double level)
        {
            _smoothed = level;
            _quietS = 0;
        }

        /// <summary>The ring ran empty: keep more from now on.</summary>
        public void OnUnderrun()
        {
            _raised = TargetFrames * RaisedBy / Math.Max(1, _base);
            _raised = Math.Min(_raised, Math.Max(1, MaxTargetMs * 1e-3 * _rate / Math.Max(1, _base)));
            _quietS = 0;
        }

        /// <summary>A step over <paramref name="frames"/> frames: the level is lower now.</summary>
        public void OnSkip(double frames)
        {
            _smoothed -= frames;
        }

        /// <summary>Take in the level before a block of <paramref name="seconds"/>; returns the change of speed, ±0.005.</summary>
        public double Update(double level, double seconds)
        {
            _smoothed += Math.Min(1, seconds / SmoothingS) * (level - _smoothed);
            double error = _smoothed - TargetFrames;
            _integral = Clip(_integral + IntegralPerS * error * seconds);
            LowerTarget(seconds);
            return Clip(_integral + error / _rate / PullS);
        }

        private void LowerTarget(double seconds)
        {
            _quietS += seconds;
            if (_quietS > LowerEveryS)
            {
                _quietS = 0;
                _raised = Math.Max(1, 0.9 * _raised);
            }
        }

        private static double Clip(double change)
        {
            return Math.Max(-MaxChange, Math.Min(MaxChange, change));
        }
    }
}
