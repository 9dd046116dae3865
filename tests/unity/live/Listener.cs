using System.Collections.Generic;
using System.Threading;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>Notes the hops that come, without allocating per hop.</summary>
    public sealed class Listener : IHopReceiver
    {
        public const int Kept = 1 << 16;
        private readonly double[] _roundTripMs = new double[Kept];
        private long _next;
        private int _count;
        private int _unannounced;
        private int _announced;
        private int _started;
        private int _ended;
        private double _energy;

        public int Hops { get { return Volatile.Read(ref _count); } }
        public int Started { get { return Volatile.Read(ref _started); } }
        public int Ended { get { return Volatile.Read(ref _ended); } }
        /// <summary>Hops missing although the next one does not say that time was lost.</summary>
        public int LostUnannounced { get { return Volatile.Read(ref _unannounced); } }
        /// <summary>Hops that the runtime left out and said so.</summary>
        public int SkippedByRuntime { get { return Volatile.Read(ref _announced); } }
        public double Energy { get { return _energy; } }

        public void OnSessionStarted(Welcome welcome)
        {
            _next = 0;
            Interlocked.Increment(ref _started);
        }

        public void OnHop(ref AudioHeader header, float[] samples)
        {
            int missing = (int)(header.Hop - _next);
            if (missing != 0 && (header.Flags & AudioFlags.FadeIn) == 0)
            {
                _unannounced += missing;
            }
            else
            {
                _announced += missing;
            }
            _next = header.Hop + 1;
            _roundTripMs[_count % Kept] = MonotonicClock.MsSince(header.CaptureNs) - header.AgeUs * 1e-3;
            for (int i = 0; i < 2 * header.Samples; i += 7)
            {
                _energy += samples[i] * samples[i];
            }
            Volatile.Write(ref _count, _count + 1);
        }

        public void OnSessionEnded()
        {
            Interlocked.Increment(ref _ended);
        }

        /// <summary>From hop start to arrival, in ms, sorted.</summary>
        public List<double> SortedMs()
        {
            List<double> copy = new List<double>();
            for (int i = 0; i < System.Math.Min(Hops, Kept); i++)
            {
                copy.Add(_roundTripMs[i]);
            }
            copy.Sort();
            return copy;
        }
    }
}
