using System;
using System.Threading;
using SoundReactor.Protocol;

namespace SoundReactor
{
    /// <summary>
    /// Hands hops to every listener. The list is replaced, never changed, so that the network's thread may read it
    /// while the main thread adds to it. A listener that throws is taken off; the others go on.
    /// </summary>
    internal sealed class HopFanOut : IHopReceiver
    {
        private readonly object _gate = new object();
        private volatile IHopReceiver[] _receivers = new IHopReceiver[0];
        private volatile Welcome _welcome;
        private Exception _failure;

        internal void Add(IHopReceiver receiver)
        {
            lock (_gate)
            {
                IHopReceiver[] longer = new IHopReceiver[_receivers.Length + 1];
                Array.Copy(_receivers, longer, _receivers.Length);
                longer[_receivers.Length] = receiver;
                _receivers = longer;
            }
            Welcome welcome = _welcome;
            if (welcome != null)
            {
                receiver.OnSessionStarted(welcome);
            }
        }

        internal void Remove(IHopReceiver receiver)
        {
            lock (_gate)
            {
                int index = Array.IndexOf(_receivers, receiver);
                if (index < 0)
                {
                    return;
                }
                IHopReceiver[] shorter = new IHopReceiver[_receivers.Length - 1];
                Array.Copy(_receivers, 0, shorter, 0, index);
                Array.Copy(_receivers, index + 1, shorter, index, shorter.Length - index);
                _receivers = shorter;
            }
        }

        /// <summary>Return what the last listener threw that was taken off, once; else null. Thread: any.</summary>
        internal Exception TakeFailure()
        {
            return Interlocked.Exchange(ref _failure, null);
        }

        public void OnSessionStarted(Welcome welcome)
        {
            _welcome = welcome;
            foreach (IHopReceiver receiver in _receivers)
            {
                try
                {
                    receiver.OnSessionStarted(welcome);
                }
                catch (Exception error)
                {
                    TakeOff(receiver, error);
                }
            }
        }

        public void OnHop(ref AudioHeader header, float[] samples)
        {
            foreach (IHopReceiver receiver in _receivers)
            {
                try
                {
                    receiver.OnHop(ref header, samples);
                }
                catch (Exception error)
                {
                    TakeOff(receiver, error);
                }
            }
        }

        public void OnSessionEnded()
        {
            _welcome = null;
            foreach (IHopReceiver receiver in _receivers)
            {
                try
                {
                    receiver.OnSessionEnded();
                }
                catch (Exception error)
                {
                    TakeOff(receiver, error);
                }
            }
        }

        private void TakeOff(IHopReceiver receiver, Exception error)
        {
            Remove(receiver);
            Interlocked.Exchange(ref _failure, error);
        }
    }
}
