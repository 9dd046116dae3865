using System;
using System.Threading;

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
        private const int SilentAfterMs = 2000;
        private const int RejectedForMs = 1000;
        private const int RetryMs = 2000;
        private const int KeepAliveMs = 5000; // the runtime ends a session after 60 s without a message
        private const int StopPatienceMs = 40;
        private const double Smoothing = 1.0 / 30.0; // of hops: about the last second

        private readonly ClientOptions _options;
        private readonly IHopReceiver _receiver;
        private readonly Outbox _outbox = new Outbox();
        private readonly Transport _transport;
        private readonly MessagePackWriter _writer = new MessagePackWriter();
        private readonly object _gate = new object();
        private readonly RuntimeStatus _status = new RuntimeStatus();
        private float[] _samples = new float[2 * 1600];
        private ClientStatistics _counted;
        private ClockReading _clock;
        private volatile Welcome _welcome;
        private volatile ErrorNotice _refusal;
        private volatile ErrorNotice _lastError;
        private volatile string _lastFailure = "";
        private volatile bool _isStarted;
        private volatile bool _isLinked;
        private volatile int _failure = (int)LinkState.Connecting;
        private long _rejectedNs = long.MinValue / 2;
        private long _heardMessageNs;
        private long _refusedNs;
        private long _pingedNs;
        private long _nextHop;
        private ulong _seq;

        /// <summary>Create a client; nothing happens before <see cref="Start"/>.</summary>
        public RuntimeClient(ClientOptions options, IHopReceiver receiver)
        {
            _options = options;
            _receiver = receiver;
            _transport = new Transport(this, _outbox);
        }

        /// <summary>The open session, or null.</summary>
        public Welcome Welcome { get { return _welcome; } }
        /// <summary>Why the runtime refuses, or null.</summary>
        public ErrorNotice Refusal { get { return _refusal; } }
        /// <summary>The newest refusal of any kind, or null.</summary>
        public ErrorNotice LastError { get { return _lastError; } }
        /// <summary>Why the last connection ended or could not be made, for people; empty at first.</summary>
        public string LastFailure { get { return _lastFailure; } }

        /// <summary>What the connection is doing now.</summary>
        public LinkState State
        {
            get
            {
                if (!_isStarted)
                {
                    return LinkState.Closed;
                }
                if (_refusal != null)
                {
                    return LinkState.Refused;
                }
                if (!_isLinked)
                {
                    return (LinkState)_failure;
                }
                if (MonotonicClock.MsSince(Interlocked.Read(ref _heardMessageNs)) > SilentAfterMs)
                {
                    return LinkState.Silent;
                }
                if (_welcome == null)
                {
                    return LinkState.Connecting;
                }
                bool isRejected = MonotonicClock.MsSince(Interlocked.Read(ref _rejectedNs)) < RejectedForMs;
                return isRejected ? LinkState.FramesRejected : LinkState.Running;
            }
        }

        /// <summary>The counters.</summary>
        public ClientStatistics Statistics
        {
            get
            {
                lock (_gate)
                {
                    ClientStatistics copy = _counted;
                    copy.FramesReplaced = _outbox.FramesReplaced;
                    return copy;
                }
            }
        }

        /// <summary>The newest answer to <see cref="Ping"/>.</summary>
        public ClockReading Clock
        {
            get
            {
                lock (_gate)
                {
                    return _clock;
                }
            }
        }

        /// <summary>Look at the newest status; it may not be kept, since the next one is written over it.</summary>
        public T ReadStatus<T>(Func<RuntimeStatus, T> read)
        {
            lock (_gate)
            {
                return read(_status);
            }
        }

        /// <summary>Start to connect, in the background.</summary>
        public void Start()
        {
            if (!_isStarted)
            {
                _isStarted = true;
                _transport.Start();
            }
        }

        /// <summary>Say bye and end both threads; takes some milliseconds.</summary>
        public void Dispose()
        {
            if (!_isStarted)
            {
                return;
            }
            Welcome welcome = _welcome;
            if (welcome != null)
            {
                lock (_writer)
                {
                    ByeNotice.Write(_writer, welcome.Session, "closed by the client");
                    SendControl();
                }
            }
            _isStarted = false;
            _transport.Stop(StopPatienceMs);
        }

        // -- frames and controls, from the engine's thread ---------------------------------------------------

        /// <summary>
        /// Return room for a frame, or null if there is no session to send it to. Fill its pixels, then call
        /// <see cref="CommitFrame"/>, or <see cref="CancelFrame"/>.
        /// </summary>
        public FrameBuffer BeginFrame(int width, int height, FrameFormat format, int payloadBytes)
        {
            FrameBuffer frame = _welcome == null ? null : _outbox.TakeFree();
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
                Welcome welcome = _welcome;
                if (welcome == null)
                {
                    _outbox.Return(frame);
                    return;
                }
                frame.Seal(welcome.Session, ++_seq, flags, captureNs, step);
                _counted.FramesCommitted++;
                _outbox.Put(frame);
            }
            _transport.Wake();
        }

        /// <summary>Change the session; false if there is none, or too much waits to be sent.</summary>
        public bool Control(ControlChange change)
        {
            Welcome welcome = _welcome;
            if (welcome == null)
            {
                return false;
            }
            lock (_writer)
            {
                change.Write(_writer, welcome.Session);
                return SendControl();
            }
        }

        /// <summary>Ask for the runtime's clock; the answer appears in <see cref="Clock"/>.</summary>
        public bool Ping()
        {
            Welcome welcome = _welcome;
            if (welcome == null)
            {
                return false;
            }
            lock (_writer)
            {
                _writer.Begin(MessageKind.Ping);
                _writer.Integer("session", welcome.Session);
                _writer.Integer("t0_ns", MonotonicClock.NowNs);
                return SendControl();
            }
        }

        private bool SendControl()
        {
            byte[] message = new byte[Zmtp.MaxHeaderBytes + _writer.Length];
            int header = Zmtp.WriteMessageHeader(message, 0, _writer.Length);
            Buffer.BlockCopy(_writer.Data, 0, message, header, _writer.Length);
            Array.Resize(ref message, header + _writer.Length);
            bool isTaken = _outbox.Add(message);
            _transport.Wake();
            return isTaken;
        }

        // -- the reader's thread -----------------------------------------------------------------------------

        Endpoint ITransportOwner.NextEndpoint()
        {
            string text = _options.Endpoint;
            if (string.IsNullOrEmpty(text) || string.IsNullOrEmpty(_options.Token))
            {
                ConnectionFile file = ReadFile();
                text = !string.IsNullOrEmpty(text) ? text : file != null ? file.Endpoint : ConnectionFile.DefaultEndpoint;
            }
            Endpoint endpoint;
            if (!Endpoint.TryParse(text, out endpoint))
            {
                throw new WireException("an endpoint like tcp://127.0.0.1:5599 expected, got '" + text + "'");
            }
            return endpoint;
        }

        private ConnectionFile ReadFile()
        {
            string path = string.IsNullOrEmpty(_options.ConnectionFilePath)
                ? ConnectionFile.DefaultPath()
                : _options.ConnectionFilePath;
            return ConnectionFile.TryRead(path);
        }

        void ITransportOwner.OnReady()
        {
            _isLinked = true;
            _failure = (int)LinkState.Connecting;
            Interlocked.Exchange(ref _heardMessageNs, MonotonicClock.NowNs);
            SayHello();
        }

        private void SayHello()
        {
            _refusal = null;
            ConnectionFile file = string.IsNullOrEmpty(_options.Token) ? ReadFile() : null;
            Hello hello = _options.Hello;
            hello.Token = file != null ? file.Token : _options.Token;
            hello.ClientVersion = Version;
            lock (_writer)
            {
                hello.Write(_writer);
                SendControl();
            }
        }

        void ITransportOwner.OnTick()
        {
            KeepAlive();
            ErrorNotice refusal = _refusal;
            if (refusal != null && MonotonicClock.MsSince(_refusedNs) > RetryMs && CanPass(refusal))
            {
                SayHello();
            }
        }

        private void KeepAlive()
        {
            if (_welcome != null && MonotonicClock.MsSince(_pingedNs) > KeepAliveMs)
            {
                _pingedNs = MonotonicClock.NowNs;
                Ping();
            }
        }

        /// <summary>Only these pass by themselves: room becomes free, a restarted runtime writes a new token.</summary>
        private bool CanPass(ErrorNotice refusal)
        {
            return refusal.Code == ErrorCode.ServerBusy
                || refusal.Code == ErrorCode.UnknownSession
                || (refusal.Code == ErrorCode.BadToken && string.IsNullOrEmpty(_options.Token));
        }

        void ITransportOwner.OnDisconnected(string reason, bool hasAnswered)
        {
            _lastFailure = reason;
            _failure = (int)(hasAnswered && !_isLinked ? LinkState.Silent : LinkState.NobodyListens);
            _isLinked = false;
            _refusal = null;
            EndSession();
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

        void ITransportOwner.OnMessage(byte[] data, int at, int length)
        {
            Interlocked.Exchange(ref _heardMessageNs, MonotonicClock.NowNs);
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
                lock (_gate)
                {
                    _counted.BadMessages++;
                }
            }
        }

        private void Take(MessageKind kind, byte[] data, int at, int length)
        {
            switch (kind)
            {
                case MessageKind.Audio:
                    TakeHop(data, at, length);
                    break;
                case MessageKind.Welcome:
                    TakeWelcome(Welcome.Parse(data, at + 1, length - 1));
                    break;
                case MessageKind.Status:
                    lock (_gate)
                    {
                        _status.Read(data, at + 1, length - 1);
                    }
                    break;
                case MessageKind.Pong:
                    ClockReading reading = ClockReading.Parse(data, at + 1, length - 1, MonotonicClock.NowNs);
                    lock (_gate)
                    {
                        _clock = reading;
                    }
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

        private void TakeHop(byte[] data, int at, int length)
        {
            AudioHeader header = AudioHeader.Parse(data, at, length);
            Welcome welcome = _welcome;
            if (welcome == null || header.Session != welcome.Session)
            {
                return;
            }
            if (_samples.Length < 2 * header.Samples)
            {
                _samples = new float[2 * header.Samples];
            }
            header.CopySamples(data, at, _samples);
            Count(ref header);
            _receiver.OnHop(ref header, _samples);
        }

        private void Count(ref AudioHeader header)
        {
            double roundTripMs = MonotonicClock.MsSince(header.CaptureNs);
            lock (_gate)
            {
                bool isFirst = _counted.Hops++ == 0;
                _counted.HopsMissing += header.Hop > _nextHop ? header.Hop - _nextHop : 0;
                double weight = isFirst ? 1.0 : Smoothing;
                _counted.RoundTripMs += weight * (roundTripMs - _counted.RoundTripMs);
                _counted.FrameAgeMs += weight * (header.AgeUs * 1e-3 - _counted.FrameAgeMs);
            }
            _nextHop = header.Hop + 1;
        }

        private void TakeWelcome(Welcome welcome)
        {
            EndSession();
            lock (_gate)
            {
                _counted.Sessions++;
                _seq = 0;
            }
            _nextHop = 0;
            _refusal = null;
            _transport.HasSession = true;
            _receiver.OnSessionStarted(welcome);
            _welcome = welcome;
        }

        private void TakeError(ErrorNotice error)
        {
            lock (_gate)
            {
                _counted.Errors++;
            }
            _lastError = error;
            if (error.IsFatal && error.Code == ErrorCode.UnknownSession && _welcome != null)
            {
                EndSession();
                SayHello();
            }
            else if (error.IsFatal)
            {
                Refuse(error);
            }
            else if (error.Seq != 0)
            {
                Interlocked.Exchange(ref _rejectedNs, MonotonicClock.NowNs);
            }
        }

        private void Refuse(ErrorNotice error)
        {
            EndSession();
            _refusedNs = MonotonicClock.NowNs;
            _refusal = error;
            _lastError = error;
        }
    }
}
