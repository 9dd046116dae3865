using System;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// A session with a runtime: frames out, sound back, connected again whenever it breaks. Owns two threads
    /// from <see cref="Start"/> to <see cref="Dispose"/>; no method waits for the network. Allocates nothing per
    /// frame or hop after the first ones. Thread: any, but <see cref="BeginFrame"/> and
    /// <see cref="CommitFrame"/> only from one at a time.
    /// </summary>
    public sealed class RuntimeClient : IDisposable, ITransportOwner
    {
        /// <summary>Version that hello names.</summary>
        public const string Version = "0.1.0";
        private const int KeepAliveMs = 5000; // the runtime ends a session after 60 s without a message
        private const int StopPatienceMs = 40;

        private readonly IHopReceiver _receiver;
        private readonly Outbox _outbox = new Outbox();
        private readonly Inbox _inbox = new Inbox();
        private readonly LinkHealth _health = new LinkHealth();
        private readonly Transport _transport;
        private readonly ControlSender _controls;
        private readonly Handshake _handshake;
        private readonly object _gate = new object(); // a frame belongs to the session that is open
        private volatile Welcome _welcome;
        private volatile ErrorNotice _lastError;
        private volatile string _lastFailure = "";
        private volatile bool _isStarted;
        private volatile bool _isDisposed;
        private long _pingedNs;
        private ulong _seq;

        /// <summary>Create a client; nothing happens before <see cref="Start"/>.</summary>
        public RuntimeClient(ClientOptions options, IHopReceiver receiver)
        {
            _receiver = receiver;
            _transport = new Transport(this, _outbox);
            _controls = new ControlSender(_outbox, _transport);
            _handshake = new Handshake(options, _controls);
        }

        /// <summary>The open session, or null.</summary>
        public Welcome Welcome { get { return _isDisposed ? null : _welcome; } }
        /// <summary>Why the runtime refuses, or null.</summary>
        public ErrorNotice Refusal { get { return _handshake.Refusal; } }
        /// <summary>The newest refusal of any kind, or null.</summary>
        public ErrorNotice LastError { get { return _lastError; } }
        /// <summary>Why the last connection ended or could not be made, for people; empty at first.</summary>
        public string LastFailure { get { return _lastFailure; } }
        /// <summary>The newest answer to <see cref="Ping"/>.</summary>
        public ClockReading Clock { get { return _inbox.Clock; } }

        /// <summary>What the connection is doing now.</summary>
        public LinkState State
        {
            get
            {
                return _isStarted && !_isDisposed
                    ? _health.State(_welcome != null, _handshake.Refusal != null)
                    : LinkState.Closed;
            }
        }

        /// <summary>The counters.</summary>
        public ClientStatistics Statistics
        {
            get
            {
                ClientStatistics copy = _inbox.Statistics;
                copy.FramesReplaced = _outbox.FramesReplaced;
                return copy;
            }
        }

        /// <summary>Look at the newest status; it may not be kept, since the next one is written over it.</summary>
        public T ReadStatus<T>(Func<RuntimeStatus, T> read)
        {
            return _inbox.ReadStatus(read);
        }

        /// <summary>Start to connect, in the background.</summary>
        /// <exception cref="ObjectDisposedException">This client is at its end: make another.</exception>
        public void Start()
        {
            if (_isDisposed)
            {
                throw new ObjectDisposedException("RuntimeClient", "a disposed client cannot start again: make another");
            }
            if (!_isStarted)
            {
                _isStarted = true;
                _transport.Start();
            }
        }

        /// <summary>Say bye and end both threads; takes some milliseconds.</summary>
        public void Dispose()
        {
            if (_isDisposed)
            {
                return;
            }
            _isDisposed = true;
            Welcome welcome = _welcome;
            if (welcome != null)
            {
                lock (_gate)
                {
                    _outbox.DropFrame(); // controls leave first: it would come after bye, and be refused
                }
                _controls.SayBye(welcome.Session, "closed by the client");
            }
            _transport.Stop(StopPatienceMs);
        }

        // -- frames and controls, from the engine's thread ---------------------------------------------------

        /// <summary>
        /// Return room for a frame, or null if there is no session to send it to. Fill its pixels, then call
        /// <see cref="CommitFrame"/>, or <see cref="CancelFrame"/>.
        /// </summary>
        /// <exception cref="ArgumentOutOfRangeException">A negative <paramref name="payloadBytes"/>.</exception>
        public FrameBuffer BeginFrame(int width, int height, FrameFormat format, int payloadBytes)
        {
            if (payloadBytes < 0)
            {
                throw new ArgumentOutOfRangeException("payloadBytes", "at least 0 bytes expected, got " + payloadBytes);
            }
            FrameBuffer frame = Welcome == null ? null : _outbox.TakeFree();
            if (frame != null)
            {
                frame.Prepare(width, height, format, payloadBytes);
            }
            return frame;
        }

        /// <summary>Give a frame back unsent.</summary>
        public void CancelFrame(FrameBuffer frame)
        {
            _outbox.Return(frame);
        }

        /// <summary>Send a frame; if the one before has not left yet, it is replaced.</summary>
        public void CommitFrame(FrameBuffer frame, FrameFlags flags, long captureNs, ulong step)
        {
            lock (_gate)
            {
                Welcome welcome = Welcome;
                if (welcome == null)
                {
                    _outbox.Return(frame);
                    return;
                }
                frame.Seal(welcome.Session, ++_seq, flags, captureNs, step);
                _inbox.CountFrame();
                _outbox.Put(frame);
            }
            _transport.Wake();
        }

        /// <summary>Change the session; false if there is none, or too much waits to be sent.</summary>
        public bool Control(ControlChange change)
        {
            Welcome welcome = Welcome;
            return welcome != null && _controls.Change(welcome.Session, change);
        }

        /// <summary>Ask for the runtime's clock; the answer appears in <see cref="Clock"/>.</summary>
        public bool Ping()
        {
            Welcome welcome = Welcome;
            return welcome != null && _controls.Ping(welcome.Session);
        }

        // -- the reader's thread -----------------------------------------------------------------------------

        Endpoint ITransportOwner.NextEndpoint()
        {
            return _handshake.NextEndpoint();
        }

        void ITransportOwner.OnReady()
        {
            _health.OnLinked();
            _handshake.SayHello();
        }

        void ITransportOwner.OnTick()
        {
            if (_welcome != null && MonotonicClock.MsSince(_pingedNs) > KeepAliveMs)
            {
                _pingedNs = MonotonicClock.NowNs;
                Ping();
            }
            _handshake.GoOn();
        }

        void ITransportOwner.OnDisconnected(string reason, bool hasAnswered)
        {
            _lastFailure = reason;
            _health.OnLost(hasAnswered);
            _handshake.Forget();
            EndSession();
        }

        void ITransportOwner.OnMessage(byte[] data, int at, int length)
        {
            _health.OnHeard();
            try
            {
                if (length == 0)
                {
                    throw new WireException("a message without a kind");
                }
                Take((MessageKind)data[at], data, at, length);
            }
            catch (WireException error)
            {
                _lastFailure = error.Message;
                _inbox.CountBadMessage();
            }
        }

        private void Take(MessageKind kind, byte[] data, int at, int length)
        {
            switch (kind)
            {
                case MessageKind.Audio:
                    _inbox.TakeHop(data, at, length, _welcome, _receiver);
                    break;
                case MessageKind.Welcome:
                    BeginSession(Welcome.Parse(data, at + 1, length - 1));
                    break;
                case MessageKind.Status:
                    _inbox.TakeStatus(data, at + 1, length - 1);
                    break;
                case MessageKind.Pong:
                    _inbox.TakePong(data, at + 1, length - 1);
                    break;
                case MessageKind.Error:
                    TakeError(ErrorNotice.Parse(data, at + 1, length - 1));
                    break;
                case MessageKind.Bye:
                    string reason = ByeNotice.ParseReason(data, at + 1, length - 1);
                    Refuse(new ErrorNotice(ErrorCode.UnknownSession, "an open session", reason, "connect again", true));
                    break;
            }
        }

        private void BeginSession(Welcome welcome)
        {
            EndSession();
            _seq = 0; // nobody commits while there is no session
            _inbox.BeginSession();
            _handshake.Forget();
            _transport.HasSession = true;
            _receiver.OnSessionStarted(welcome);
            _welcome = welcome;
        }

        private void EndSession()
        {
            if (_welcome == null)
            {
                return;
            }
            lock (_gate) // no frame of this session may reach the next connection
            {
                _welcome = null;
                _outbox.Clear();
            }
            _receiver.OnSessionEnded();
        }

        private void TakeError(ErrorNotice error)
        {
            _inbox.CountError();
            _lastError = error;
            if (error.IsFatal && error.Code == ErrorCode.UnknownSession && _welcome != null)
            {
                EndSession();
                _handshake.Renew();
            }
            else if (error.IsFatal)
            {
                Refuse(error);
            }
            else if (error.Seq != 0)
            {
                _health.OnFrameRejected();
            }
        }

        private void Refuse(ErrorNotice error)
        {
            EndSession();
            _handshake.Refuse(error);
            _lastError = error;
        }
    }
}
