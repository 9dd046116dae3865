using System;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// What the runtime has said last: status, clock, and the counters of a client. The network's thread writes it,
    /// every thread reads it; nothing is allocated per hop after the first.
    /// </summary>
    internal sealed class Inbox
    {
        private const double Smoothing = 1.0 / 30.0; // of hops: about the last second
        private readonly object _gate = new object();
        private readonly RuntimeStatus _status = new RuntimeStatus();
        private float[] _samples = new float[2 * 1600];
        private ClientStatistics _counted;
        private ClockReading _clock;
        private long _nextHop;

        internal ClientStatistics Statistics
        {
            get
            {
                lock (_gate)
                {
                    return _counted;
                }
            }
        }

        internal ClockReading Clock
        {
            get
            {
                lock (_gate)
                {
                    return _clock;
                }
            }
        }

        internal T ReadStatus<T>(Func<RuntimeStatus, T> read)
        {
            lock (_gate)
            {
                return read(_status);
            }
        }

        /// <summary>A new session begins at hop 0.</summary>
        internal void BeginSession()
        {
            lock (_gate)
            {
                _counted.Sessions++;
                _nextHop = 0;
            }
        }

        internal void CountFrame()
        {
            lock (_gate)
            {
                _counted.FramesCommitted++;
            }
        }

        internal void CountError()
        {
            lock (_gate)
            {
                _counted.Errors++;
            }
        }

        internal void CountBadMessage()
        {
            lock (_gate)
            {
                _counted.BadMessages++;
            }
        }

        internal void TakeStatus(byte[] data, int at, int length)
        {
            lock (_gate)
            {
                _status.Read(data, at, length);
            }
        }

        internal void TakePong(byte[] data, int at, int length)
        {
            ClockReading reading = ClockReading.Parse(data, at, length, MonotonicClock.NowNs);
            lock (_gate)
            {
                _clock = reading;
            }
        }

        /// <summary>Read a hop of <paramref name="session"/>, count it and hand it on; one of another session is left out.</summary>
        /// <exception cref="WireException">It is malformed.</exception>
        internal void TakeHop(byte[] data, int at, int length, Welcome session, IHopReceiver receiver)
        {
            AudioHeader header = AudioHeader.Parse(data, at, length);
            if (session == null || header.Session != session.Session)
            {
                return;
            }
            if (_samples.Length < 2 * header.Samples)
            {
                _samples = new float[2 * header.Samples];
            }
            header.CopySamples(data, at, _samples);
            Count(ref header);
            receiver.OnHop(ref header, _samples);
        }

        private void Count(ref AudioHeader header)
        {
            double roundTripMs = MonotonicClock.MsSince(header.CaptureNs);
            lock (_gate)
            {
                double weight = _counted.Hops++ == 0 ? 1.0 : Smoothing;
                _counted.HopsMissing += Math.Max(0, header.Hop - _nextHop);
                _counted.RoundTripMs += weight * (roundTripMs - _counted.RoundTripMs);
                _counted.FrameAgeMs += weight * (header.AgeUs * 1e-3 - _counted.FrameAgeMs);
                _nextHop = header.Hop + 1;
            }
        }
    }
}
