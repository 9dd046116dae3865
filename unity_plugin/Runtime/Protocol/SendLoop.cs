using System;
using System.Net.Sockets;
using System.Threading;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// The thread "SoundReactor writer": sends what waits in an outbox to whatever connection there is. It waits for the
    /// peer in slices, and for at most two seconds; then the connection counts as broken.
    /// </summary>
    internal sealed class SendLoop
    {
        private const int PatienceMs = 2000;
        private const int PingEveryMs = 500;
        private readonly Outbox _outbox;
        private readonly int _sliceUs;
        private readonly AutoResetEvent _work = new AutoResetEvent(false);
        private readonly object _gate = new object(); // no greeting of a new connection goes to the old one
        private readonly byte[] _ping = Zmtp.Ping(0);
        private readonly Thread _thread;
        private Socket _socket;
        private volatile bool _isStopping;
        private volatile bool _isBroken;
        private volatile bool _isReady;

        internal SendLoop(Outbox outbox, int sliceUs)
        {
            _outbox = outbox;
            _sliceUs = sliceUs;
            _thread = Transport.NewThread(Run, "SoundReactor writer");
        }

        /// <summary>Whether the connection takes no more data.</summary>
        internal bool IsBroken { get { return _isBroken; } }

        internal void Start()
        {
            _thread.Start();
        }

        /// <summary>Send from now on to <paramref name="socket"/>, beginning with the greeting.</summary>
        internal void Attach(Socket socket)
        {
            lock (_gate)
            {
                _outbox.Clear();
                _outbox.Add(Zmtp.Greeting());
                _isReady = false;
                _isBroken = false;
                _socket = socket;
            }
            Wake();
        }

        /// <summary>The peer is ready: pings may be sent.</summary>
        internal void OnReady()
        {
            _isReady = true;
        }

        /// <summary>Send no more to the connection, and wake who reads from it.</summary>
        internal void Detach()
        {
            lock (_gate)
            {
                ShutDown(_socket);
                _socket = null;
            }
        }

        /// <summary>Tell the thread that something waits in the outbox. Thread: any, also after the end.</summary>
        internal void Wake()
        {
            try
            {
                _work.Set();
            }
            catch (ObjectDisposedException)
            {
                // a frame was committed while the client was disposed: it goes nowhere
            }
        }

        /// <summary>
        /// End the thread; what waits is sent first if the socket takes it at once. Returns whether it has ended within
        /// <paramref name="patienceMs"/>.
        /// </summary>
        internal bool Stop(int patienceMs)
        {
            _isStopping = true;
            Wake();
            return !_thread.IsAlive || _thread.Join(patienceMs);
        }

        internal void Close()
        {
            _work.Close();
        }

        private void Run()
        {
            long pingedNs = MonotonicClock.NowNs;
            bool isLastRound = false;
            while (!isLastRound)
            {
                isLastRound = _isStopping; // what was queued before the stop, such as bye, still leaves
                if (!isLastRound)
                {
                    _work.WaitOne(PingEveryMs / 2);
                }
                SendAll();
                if (MonotonicClock.MsSince(pingedNs) > PingEveryMs && _isReady)
                {
                    pingedNs = MonotonicClock.NowNs;
                    _outbox.Add(_ping);
                    Wake();
                }
            }
        }

        private void SendAll()
        {
            byte[] control;
            FrameBuffer frame;
            Socket socket;
            while (TakeNext(out control, out frame, out socket))
            {
                if (frame != null)
                {
                    Send(socket, frame.Data, frame.Length);
                    _outbox.Return(frame);
                }
                else
                {
                    Send(socket, control, control.Length);
                }
            }
        }

        private bool TakeNext(out byte[] control, out FrameBuffer frame, out Socket socket)
        {
            lock (_gate)
            {
                socket = _socket;
                control = null;
                frame = null;
                return socket != null && !_isBroken && _outbox.Take(out control, out frame);
            }
        }

        private void Send(Socket socket, byte[] data, int length)
        {
            try
            {
                long startNs = 0;
                for (int sent = 0; sent < length;)
                {
                    SocketError error;
                    sent += socket.Send(data, sent, length - sent, SocketFlags.None, out error);
                    if (error == SocketError.Success)
                    {
                        continue;
                    }
                    startNs = startNs == 0 ? MonotonicClock.NowNs : startNs;
                    if (error != SocketError.WouldBlock || MonotonicClock.MsSince(startNs) > PatienceMs || _isStopping)
                    {
                        _isBroken = true;
                        return;
                    }
                    socket.Poll(_sliceUs, SelectMode.SelectWrite);
                }
            }
            catch (SocketException)
            {
                _isBroken = true;
            }
            catch (ObjectDisposedException)
            {
                _isBroken = true;
            }
        }

        private static void ShutDown(Socket socket)
        {
            try
            {
                if (socket != null)
                {
                    socket.Shutdown(SocketShutdown.Both);
                }
            }
            catch (SocketException)
            {
                // was never connected, or the peer was faster
            }
            catch (ObjectDisposedException)
            {
                // closed already
            }
        }
    }
}
