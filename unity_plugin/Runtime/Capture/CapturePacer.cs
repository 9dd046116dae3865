namespace SoundReactor.Capture
{
    /// <summary>
    /// Decides which rendered pictures are captured: 30.0 a second on average, whatever the engine's rate, by carrying
    /// the remainder over. An engine slower than that captures every picture; lost time is not caught up.
    /// </summary>
    public sealed class CapturePacer
    {
        private readonly double _period;
        private double _next;
        private bool _hasStarted;

        /// <summary>Create a pacer for a rate in pictures per second.</summary>
        public CapturePacer(double hz)
        {
            _period = 1.0 / hz;
        }

        /// <summary>Tell whether the picture shown at <paramref name="now"/>, in seconds, is to be captured.</summary>
        public bool IsDue(double now)
        {
            if (!_hasStarted)
            {
                _hasStarted = true;
                _next = now;
            }
            // A picture that is a tenth of a period early counts: at 30 Hz, jitter must not drop every other one.
            if (now < _next - 0.1 * _period)
            {
                return false;
            }
            _next += _period;
            if (_next < now)
            {
                _next = now + _period; // a stall: go on from here
            }
            return true;
        }

        /// <summary>Begin anew.</summary>
        public void Reset()
        {
            _hasStarted = false;
        }
    }
}
