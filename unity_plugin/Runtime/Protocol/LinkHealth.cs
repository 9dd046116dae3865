using System.Threading;

namespace SoundReactor.Protocol
{
    /// <summary>What is known of a connection, from which its state follows. Written by the network's thread, read by any.</summary>
    internal sealed class LinkHealth
    {
        private const int SilentAfterMs = 2000;
        private const int RejectedForMs = 1000;
        private volatile bool _isLinked;
        private volatile int _failure = (int)LinkState.Connecting;
        private long _heardNs;
        private long _rejectedNs = long.MinValue / 2;

        /// <summary>The handshake of the transport is done.</summary>
        internal void OnLinked()
        {
            OnHeard();
            _failure = (int)LinkState.Connecting;
            _isLinked = true;
        }

        /// <summary>A message has come.</summary>
        internal void OnHeard()
        {
            Interlocked.Exchange(ref _heardNs, MonotonicClock.NowNs);
        }

        /// <summary>A frame was refused.</summary>
        internal void OnFrameRejected()
        {
            Interlocked.Exchange(ref _rejectedNs, MonotonicClock.NowNs);
        }

        /// <summary>The connection ended, or could not be made; <paramref name="hasAnswered"/>: something accepted it.</summary>
        internal void OnLost(bool hasAnswered)
        {
            _failure = (int)(hasAnswered && !_isLinked ? LinkState.Silent : LinkState.NobodyListens);
            _isLinked = false;
        }

        /// <summary>Return the state of a connection that has been started.</summary>
        internal LinkState State(bool hasSession, bool isRefused)
        {
            if (isRefused)
            {
                return LinkState.Refused;
            }
            if (!_isLinked)
            {
                return (LinkState)_failure;
            }
            if (MonotonicClock.MsSince(Interlocked.Read(ref _heardNs)) > SilentAfterMs)
            {
                return LinkState.Silent;
            }
            if (!hasSession)
            {
                return LinkState.Connecting;
            }
            bool isRejected = MonotonicClock.MsSince(Interlocked.Read(ref _rejectedNs)) < RejectedForMs;
            return isRejected ? LinkState.FramesRejected : LinkState.Running;
        }
    }
}
