namespace SoundReactor.Protocol
{
    /// <summary>
    /// How a connection becomes a session: where to connect, hello with the right token, and hello again after a
    /// refusal that passes by itself. Thread: the transport's reader; <see cref="Refusal"/> any.
    /// </summary>
    internal sealed class Handshake
    {
        private const int RetryMs = 2000;
        private readonly ClientOptions _options;
        private readonly ControlSender _controls;
        private volatile ErrorNotice _refusal;
        private long _refusedNs;
        private bool _isHelloDue;

        internal Handshake(ClientOptions options, ControlSender controls)
        {
            _options = options;
            _controls = controls;
        }

        /// <summary>Why there is no session although the runtime answers, or null.</summary>
        internal ErrorNotice Refusal { get { return _refusal; } }

        /// <summary>Return where to connect now: a restarted runtime may listen elsewhere.</summary>
        /// <exception cref="WireException">There is no usable endpoint.</exception>
        internal Endpoint NextEndpoint()
        {
            string text = _options.Endpoint;
            if (string.IsNullOrEmpty(text))
            {
                ConnectionFile file = ReadFile();
                text = file != null ? file.Endpoint : ConnectionFile.DefaultEndpoint;
            }
            Endpoint endpoint;
            if (!Endpoint.TryParse(text, out endpoint))
            {
                throw new WireException("an endpoint like tcp://127.0.0.1:5599 expected, got '" + text + "'");
            }
            return endpoint;
        }

        /// <summary>Ask for a session, with the token as it is now: a restarted runtime has a new one.</summary>
        /// <exception cref="WireException">The connection file cannot be used, or its token is not for this endpoint.</exception>
        internal void SayHello()
        {
            _refusal = null;
            _isHelloDue = false;
            Hello hello = _options.Hello;
            hello.Token = Token();
            hello.ClientVersion = RuntimeClient.Version;
            _controls.SayHello(hello);
        }

        private string Token()
        {
            if (!string.IsNullOrEmpty(_options.Token))
            {
                return _options.Token;
            }
            ConnectionFile file = ReadFile();
            if (file == null)
            {
                return "";
            }
            if (!IsForThisMachine(file))
            {
                throw new WireException("a token is needed for " + _options.Endpoint
                    + ": that of this machine's runtime is not sent to another machine");
            }
            return file.Token;
        }

        /// <summary>The token opens this machine's runtime; it goes over no network, except to where the file says.</summary>
        private bool IsForThisMachine(ConnectionFile file)
        {
            Endpoint endpoint;
            return string.IsNullOrEmpty(_options.Endpoint)
                || _options.Endpoint == file.Endpoint
                || (Endpoint.TryParse(_options.Endpoint, out endpoint) && endpoint.IsLoopback);
        }

        private ConnectionFile ReadFile()
        {
            return ConnectionFile.TryRead(string.IsNullOrEmpty(_options.ConnectionFilePath)
                ? ConnectionFile.DefaultPath()
                : _options.ConnectionFilePath);
        }

        /// <summary>The session is unknown to the runtime: ask for another at the next <see cref="GoOn"/>.</summary>
        internal void Renew()
        {
            _isHelloDue = true;
        }

        /// <summary>The runtime said no.</summary>
        internal void Refuse(ErrorNotice refusal)
        {
            _refusedNs = MonotonicClock.NowNs;
            _refusal = refusal;
        }

        /// <summary>A session is open, or the connection is gone: no refusal holds any more.</summary>
        internal void Forget()
        {
            _refusal = null;
            _isHelloDue = false;
        }

        /// <summary>Say hello again if it is time: at once for a new session, later after a refusal that passes.</summary>
        /// <exception cref="WireException">As for <see cref="SayHello"/>.</exception>
        internal void GoOn()
        {
            ErrorNotice refusal = _refusal;
            bool isRetryDue = refusal != null && MonotonicClock.MsSince(_refusedNs) > RetryMs && CanPass(refusal);
            if (_isHelloDue || isRetryDue)
            {
                SayHello();
            }
        }

        /// <summary>Only these pass by themselves: room becomes free, a restarted runtime writes a new token.</summary>
        private bool CanPass(ErrorNotice refusal)
        {
            return refusal.Code == ErrorCode.ServerBusy
                || refusal.Code == ErrorCode.UnknownSession
                || (refusal.Code == ErrorCode.BadToken && string.IsNullOrEmpty(_options.Token));
        }
    }
}
