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
        private const int HandshakeTimeoutMs = 2000;
        private const int DeadAfterMs = 5000; // of silence: a hung peer; the session counts as silent after 2 s
        private const int BackOffMs = 100;
        private const int MaxBackOffMs = 2000;

        private readonly ITransportOwner _owner;
        private readonly Outbox _outbox;
        private readonly SendLoop _writer;
        private readonly Thread _reader;
        private readonly ZmtpDecoder _decoder;
        private readonly Func<bool> _askStopping;
        private readonly ManualResetEvent _stop = new ManualResetEvent(false);
        private volatile bool _isStopping;
        private bool _hasAnswered;

        internal Transport(ITransportOwner owner, Outbox outbox)
        {
            _owner = owner;
            _outbox = outbox;
            _writer = new SendLoop(outbox, SliceUs);
            _reader = NewThread(Read, "SoundReactor reader");
            _decoder = new ZmtpDecoder(this);
            _askStopping = delegate { return _isStopping; };
        }

        /// <summary>Back to a short wait before the next attempt: a session has been opened.</summary>
        internal volatile bool HasSession;

        internal void Start()
        {
            _writer.Start();
            _reader.Start();
        }

        internal static Thread NewThread(ThreadStart body, string name)
        {
            Thread thread = new Thread(body, 1 << 18);
            thread.Name = name;
            thread.IsBackground = true;
            return thread;
        }

        /// <summary>Tell the writer that something waits in the outbox.</summary>
        internal void Wake()
        {
            _writer.Wake();
        }

        /// <summary>
        /// End both threads; what waits is sent first if the socket takes it at once. Returns false if a thread
        /// has not ended within <paramref name="patienceMs"/> (a name service that hangs): it ends by itself later.
        /// </summary>
        internal bool Stop(int patienceMs)
        {
            bool hasEnded = _writer.Stop(patienceMs);
            _isStopping = true;
            _stop.Set();
            _writer.Detach(); // wakes the reader at once
            hasEnded &= !_reader.IsAlive || _reader.Join(patienceMs);
            if (hasEnded)
            {
                _writer.Close();
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
                socket = Dialer.Connect(endpoint, SliceUs, _askStopping);
                if (socket == null)
                {
                    return "nobody listens at " + endpoint.Host + ":" + endpoint.Port;
                }
                _hasAnswered = true;
                _decoder.Reset();
                _writer.Attach(socket);
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
            catch (Exception error) // of a listener, most likely: this thread must live, or nothing connects again
            {
                return "a listener or the plugin failed: " + error.GetType().Name + ": " + error.Message;
            }
            finally
            {
                _writer.Detach();
                if (socket != null)
                {
                    socket.Close();
                }
            }
        }

        private string Listen(Socket socket)
        {
            long openedNs = MonotonicClock.NowNs;
            long heardNs = openedNs;
            while (!_isStopping && !_writer.IsBroken)
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
                        heardNs = MonotonicClock.NowNs;
                        _decoder.Advance(count);
                    }
                }
                if (!_decoder.IsReady && MonotonicClock.MsSince(openedNs) > HandshakeTimeoutMs)
                {
                    return "the peer connects but does not answer: another program may own the port";
                }
                if (MonotonicClock.MsSince(heardNs) > DeadAfterMs)
                {
                    return "the runtime has been silent for " + DeadAfterMs / 1000 + " s";
                }
                _owner.OnTick();
            }
            return _isStopping ? "closed" : "the connection takes no data";
        }

        void IZmtpListener.OnGreeting()
        {
            Send(Zmtp.Ready());
        }

        void IZmtpListener.OnReady()
        {
            _writer.OnReady();
            _owner.OnReady();
        }

        void IZmtpListener.OnPing(byte[] data, int contextAt, int contextLength)
        {
            Send(Zmtp.Pong(data, contextAt, contextLength));
        }

        void IZmtpListener.OnMessage(byte[] data, int at, int length)
        {
            _owner.OnMessage(data, at, length);
        }

        private void Send(byte[] command)
        {
            _outbox.Add(command);
            _writer.Wake();
        }
    }
}
