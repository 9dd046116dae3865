using System;
using System.Net.Sockets;
using System.Threading;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// One ZMTP DEALER over TCP that connects again by itself. Two threads, "SoundReactor reader" and "writer":
    /// no call waits in the kernel for more than 20 ms, so that both end within that time when told to, which
    /// is what keeps an editor from freezing at a domain reload. Nothing here runs on the caller's thread.
    /// </summary>
    internal sealed class Transport : IZmtpListener
    {
        private const int SliceUs = 20000;
        private const int ConnectTimeoutMs = 1000;
        private const int HandshakeTimeoutMs = 2000;
        private const int SendTimeoutMs = 2000;
        private const int PingEveryMs = 500;
        private const int DeadAfterMs = 5000; // of silence: a hung peer; the session counts as silent after 2 s
        private const int BackOffMs = 100;
        private const int MaxBackOffMs = 2000;
        private const int SocketBufferBytes = 1 << 18; // more would only let stale frames queue up

        private readonly ITransportOwner _owner;
        private readonly Outbox _outbox;
        private readonly ZmtpDecoder _decoder;
        private readonly AutoResetEvent _work = new AutoResetEvent(false);
        private readonly ManualResetEvent _stop = new ManualResetEvent(false);
        private readonly object _gate = new object();
        private readonly byte[] _ping = Zmtp.Ping(0);
        private Thread _reader;
        private Thread _writer;
        private Socket _socket;
        private volatile bool _isWriterStopping;
        private volatile bool _isStopping;
        private bool _hasAnswered;
        private volatile bool _isBroken;
        private long _heardNs;

        internal Transport(ITransportOwner owner, Outbox outbox)
        {
            _owner = owner;
            _outbox = outbox;
            _decoder = new ZmtpDecoder(this);
        }

        /// <summary>Back to a short wait before the next attempt: a session has been opened.</summary>
        internal volatile bool HasSession;

        /// <summary>When the last byte came.</summary>
        internal long HeardNs { get { return Interlocked.Read(ref _heardNs); } }

        internal void Start()
        {
            _reader = NewThread(Read, "SoundReactor reader");
            _writer = NewThread(Write, "SoundReactor writer");
            _writer.Start();
            _reader.Start();
        }

        private static Thread NewThread(ThreadStart body, string name)
        {
            Thread thread = new Thread(body, 1 << 18);
            thread.Name = name;
            thread.IsBackground = true;
            return thread;
        }

        /// <summary>Tell the writer that something waits in the outbox.</summary>
        internal void Wake()
        {
            _work.Set();
        }

        /// <summary>
        /// End both threads; what waits is sent first if the socket takes it at once. Returns false if a thread
        /// has not ended within <paramref name="patienceMs"/> (a name service that hangs): it ends by itself later.
        /// </summary>
        internal bool Stop(int patienceMs)
        {
            _isWriterStopping = true;
            _work.Set();
            bool hasEnded = _writer == null || _writer.Join(patienceMs);
            _isStopping = true;
            _stop.Set();
            lock (_gate)
            {
                ShutDown(_socket); // wakes the reader at once
            }
            hasEnded &= _reader == null || _reader.Join(patienceMs);
            if (hasEnded)
            {
                _work.Close();
                _stop.Close();
            }
            return hasEnded;
        }

        // -- the reader's thread ---------------------------------------------------------------------------

        private void Read()
        {
            int waitMs = BackOffMs;
            while (!_isStopping)
            {
                HasSession = false;
                _hasAnswered = false;
                string reason = Converse();
                _owner.OnDisconnected(reason, _hasAnswered);
                waitMs = HasSession ? BackOffMs : waitMs;
                if (!_isStopping)
                {
                    _stop.WaitOne(waitMs);
                }
                waitMs = Math.Min(2 * waitMs, MaxBackOffMs);
            }
        }

        /// <summary>Connect, listen until the connection ends, and return why.</summary>
        private string Converse()
        {
            Socket socket = null;
            try
            {
                Endpoint endpoint = _owner.NextEndpoint();
                socket = Connect(endpoint);
                if (socket == null)
                {
                    return "nobody listens at " + endpoint.Host + ":" + endpoint.Port;
                }
                _hasAnswered = true;
                Open(socket);
                return Listen(socket);
            }
            catch (WireException error)
            {
                return error.Message;
            }
            catch (SocketException error)
            {
                return "the connection broke: " + error.SocketErrorCode;
            }
            catch (ObjectDisposedException)
            {
                return "the connection was closed";
            }
            finally
            {
                Close(socket);
            }
        }

        private Socket Connect(Endpoint endpoint)
        {
            System.Net.IPAddress address = endpoint.Resolve();
            Socket socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Blocking = false;
            socket.NoDelay = true;
            socket.SendBufferSize = SocketBufferBytes;
            socket.ReceiveBufferSize = SocketBufferBytes;
            try
            {
                socket.Connect(new System.Net.IPEndPoint(address, endpoint.Port));
            }
            catch (SocketException error)
            {
                if (error.SocketErrorCode != SocketError.WouldBlock && error.SocketErrorCode != SocketError.InProgress)
                {
                    socket.Close();
                    return null;
                }
            }
            if (IsConnected(socket))
            {
                return socket;
            }
            socket.Close();
            return null;
        }

        private bool IsConnected(Socket socket)
        {
            long startNs = MonotonicClock.NowNs;
            while (!_isStopping && MonotonicClock.MsSince(startNs) < ConnectTimeoutMs)
            {
                if (socket.Poll(SliceUs, SelectMode.SelectWrite))
                {
                    int error = (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error);
                    return error == 0;
                }
                if (socket.Poll(0, SelectMode.SelectError))
                {
                    return false; // how Windows reports a refusal
                }
            }
            return false;
        }

        private void Open(Socket socket)
        {
            _decoder.Reset();
            _isBroken = false;
            Interlocked.Exchange(ref _heardNs, MonotonicClock.NowNs);
            lock (_gate)
            {
                _outbox.Clear();
                _outbox.Add(Zmtp.Greeting());
                _socket = socket;
            }
            Wake();
        }

        private string Listen(Socket socket)
        {
            long openedNs = MonotonicClock.NowNs;
            while (!_isStopping && !_isBroken)
            {
                if (socket.Poll(SliceUs, SelectMode.SelectRead))
                {
                    SocketError error;
                    int count = socket.Receive(
                        _decoder.Buffer, _decoder.WriteAt, _decoder.Room, SocketFlags.None, out error);
                    if (error != SocketError.WouldBlock && (error != SocketError.Success || count == 0))
                    {
                        return count == 0 && error == SocketError.Success
                            ? "the runtime closed the connection"
                            : "the connection broke: " + error;
                    }
                    if (count > 0)
                    {
                        Interlocked.Exchange(ref _heardNs, MonotonicClock.NowNs);
                        _decoder.Advance(count);
                    }
                }
                if (!_decoder.IsReady && MonotonicClock.MsSince(openedNs) > HandshakeTimeoutMs)
                {
                    return "the peer connects but does not answer: another program may own the port";
                }
                if (MonotonicClock.MsSince(HeardNs) > DeadAfterMs)
                {
                    return "the runtime has been silent for " + DeadAfterMs / 1000 + " s";
                }
                _owner.OnTick();
            }
            return _isStopping ? "closed" : "the connection takes no data";
        }

        private void Close(Socket socket)
        {
            lock (_gate)
            {
                _socket = null;
                ShutDown(socket);
            }
            if (socket != null)
            {
                socket.Close();
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

        void IZmtpListener.OnGreeting()
        {
            _outbox.Add(Zmtp.Ready());
            Wake();
        }

        void IZmtpListener.OnReady()
        {
            _owner.OnReady();
        }

        void IZmtpListener.OnPing(byte[] data, int contextAt, int contextLength)
        {
            byte[] pong = new byte[2 + 5 + contextLength];
            pong[0] = Zmtp.Command;
            pong[1] = (byte)(5 + contextLength);
            pong[2] = 4;
            pong[3] = (byte)'P';
            pong[4] = (byte)'O';
            pong[5] = (byte)'N';
            pong[6] = (byte)'G';
            Buffer.BlockCopy(data, contextAt, pong, 7, contextLength);
            _outbox.Add(pong);
            Wake();
        }

        void IZmtpListener.OnMessage(byte[] data, int at, int length)
        {
            _owner.OnMessage(data, at, length);
        }

        // -- the writer's thread ---------------------------------------------------------------------------

        private void Write()
        {
            long pingedNs = MonotonicClock.NowNs;
            bool isLastRound = false;
            while (!isLastRound)
            {
                isLastRound = _isWriterStopping; // what was queued before the stop, such as bye, still leaves
                if (!isLastRound)
                {
                    _work.WaitOne(PingEveryMs / 2);
                }
                SendAll();
                if (MonotonicClock.MsSince(pingedNs) > PingEveryMs && _decoder.IsReady)
                {
                    pingedNs = MonotonicClock.NowNs;
                    _outbox.Add(_ping);
                    _work.Set();
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
            lock (_gate) // so that no greeting of a new connection goes to the old one
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
                    if (error != SocketError.WouldBlock || MonotonicClock.MsSince(startNs) > SendTimeoutMs
                        || _isWriterStopping)
                    {
                        _isBroken = true;
                        return;
                    }
                    socket.Poll(SliceUs, SelectMode.SelectWrite);
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
    }
}
