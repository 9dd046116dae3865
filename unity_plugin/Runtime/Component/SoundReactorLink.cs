using System;
using SoundReactor.Protocol;
using UnityEngine;
using UnityEngine.Events;

namespace SoundReactor
{
    /// <summary>
    /// The connection to a runtime: one per scene. It connects when enabled, connects again whenever the runtime goes
    /// and comes back, and ends its threads when disabled. Nothing here waits for the network.
    /// </summary>
    [AddComponentMenu("SoundReactor/SoundReactor Link")]
    [DefaultExecutionOrder(-100)]
    [DisallowMultipleComponent]
    public sealed class SoundReactorLink : MonoBehaviour
    {
        [Tooltip("tcp://host:port. Empty: the runtime of this machine, found by its connection file.")]
        [SerializeField] private string _endpoint = "";
        [Tooltip("The runtime's token. Empty: read from the connection file. A token in a scene is readable by everyone who gets the scene.")]
        [SerializeField] private string _token = "";
        [Tooltip("Start 'sr-runtime serve' when you press Play, in the editor only. Its command is set in Window > SoundReactor.")]
        [SerializeField] private bool _startRuntimeInEditor = true;
        [Tooltip("Who plays the sound: the engine, the runtime on its own device, or both.")]
        [SerializeField] private PlayTarget _play = PlayTarget.Engine;
        [Tooltip("Seed of the model's noise.")]
        [SerializeField] private int _seed;
        [Tooltip("Guidance scale, 0 to 10; below 0: the bundle's own.")]
        [Range(-1f, 10f)]
        [SerializeField] private float _guidance = -1f;
        [Tooltip("Evaluations per hop, 1 to 64: more is better and slower; 0: the bundle's own.")]
        [Range(0, 64)]
        [SerializeField] private int _nfe;
        [SerializeField] private UnityEvent _connected = new UnityEvent();
        [SerializeField] private UnityEvent _disconnected = new UnityEvent();
        [SerializeField] private LinkStateEvent _stateChanged = new LinkStateEvent();
        [SerializeField] private LinkMessageEvent _refused = new LinkMessageEvent();

        private readonly HopFanOut _hops = new HopFanOut();
        private RuntimeClient _client;
        private Welcome _welcome;
        private ErrorNotice _toldError;
        private float _sentGuidance;
        private int _sentNfe;

        /// <summary>Where to connect; empty: this machine's runtime. Takes effect at the next <see cref="Connect"/>.</summary>
        public string Endpoint
        {
            get { return _endpoint; }
            set { _endpoint = value; }
        }

        /// <summary>The runtime's token; empty: from the connection file. Takes effect at the next <see cref="Connect"/>.</summary>
        public string Token
        {
            get { return _token; }
            set { _token = value; }
        }

        /// <summary>Whether the editor starts a runtime for this scene when it enters play mode.</summary>
        public bool StartRuntimeInEditor
        {
            get { return _startRuntimeInEditor; }
            set { _startRuntimeInEditor = value; }
        }

        /// <summary>Who plays the sound. Takes effect at the next <see cref="Connect"/>.</summary>
        public PlayTarget Play
        {
            get { return _play; }
            set { _play = value; }
        }

        /// <summary>Seed of the noise. Takes effect at the next <see cref="Connect"/>.</summary>
        public int Seed
        {
            get { return _seed; }
            set { _seed = Mathf.Max(0, value); }
        }

        /// <summary>Guidance scale, 0 to 10; below 0: the bundle's own.</summary>
        public float Guidance
        {
            get { return _guidance; }
            set { _guidance = Mathf.Min(10f, value); }
        }

        /// <summary>Evaluations per hop, 1 to 64; 0: the bundle's own.</summary>
        public int Nfe
        {
            get { return _nfe; }
            set { _nfe = Mathf.Clamp(value, 0, 64); }
        }

        /// <summary>Raised when a session opens.</summary>
        public UnityEvent Connected { get { return _connected; } }
        /// <summary>Raised when the session ends, for whatever reason.</summary>
        public UnityEvent Disconnected { get { return _disconnected; } }
        /// <summary>Raised whenever <see cref="State"/> changes.</summary>
        public LinkStateEvent StateChanged { get { return _stateChanged; } }
        /// <summary>Raised with every refusal by the runtime: what it expected, what it got, what to do.</summary>
        public LinkMessageEvent Refused { get { return _refused; } }

        /// <summary>What the connection was doing at the last update.</summary>
        public LinkState State { get; private set; }

        /// <summary>The client, for what this component has no member for; null while disabled.</summary>
        public RuntimeClient Client { get { return _client; } }

        /// <summary>The open session, or null.</summary>
        public Welcome Session
        {
            get { return _client == null ? null : _client.Welcome; }
        }

        /// <summary>The counters; zero while disabled.</summary>
        public ClientStatistics Statistics
        {
            get { return _client == null ? new ClientStatistics() : _client.Statistics; }
        }

        /// <summary>What is wrong and what to do, for people; empty while all is well.</summary>
        public string Advice
        {
            get { return LinkAdvice.For(State, _client); }
        }

        /// <summary>
        /// Give sound to another listener, too; it is called on the network's thread. One that throws is taken off, and
        /// what it threw is logged.
        /// </summary>
        public void AddReceiver(IHopReceiver receiver)
        {
            _hops.Add(receiver);
        }

        /// <summary>Take a listener off again.</summary>
        public void RemoveReceiver(IHopReceiver receiver)
        {
            _hops.Remove(receiver);
        }

        /// <summary>Connect anew with the current settings.</summary>
        public void Connect()
        {
            Disconnect();
            ClientOptions options = new ClientOptions();
            options.Endpoint = (_endpoint ?? "").Trim();
            options.Token = (_token ?? "").Trim();
            options.Hello.Client = "Unity " + Application.unityVersion;
            options.Hello.Play = _play;
            options.Hello.Seed = Mathf.Max(0, _seed);
            _client = new RuntimeClient(options, _hops);
            _client.Start();
        }

        /// <summary>Say bye and end the threads. <see cref="Connect"/> begins anew.</summary>
        public void Disconnect()
        {
            if (_client != null)
            {
                _client.Dispose();
                _client = null;
                Follow();
            }
        }

        /// <summary>Forget all frames and sound so far, as after loading another level.</summary>
        public void ResetSession()
        {
            if (_client != null)
            {
                ControlChange change = new ControlChange();
                change.Reset = true;
                _client.Control(change);
            }
        }

        private void OnEnable()
        {
            Connect();
        }

        private void OnDisable()
        {
            Disconnect();
        }

        private void Update()
        {
            Follow();
            SendSettings();
        }

        /// <summary>Raise events for what has happened on the network's thread since the last update.</summary>
        private void Follow()
        {
            Welcome welcome = Session;
            if (welcome != _welcome)
            {
                bool wasOpen = _welcome != null;
                _welcome = welcome;
                _sentGuidance = -1f;
                _sentNfe = 0;
                if (wasOpen)
                {
                    _disconnected.Invoke();
                }
                if (welcome != null)
                {
                    _connected.Invoke();
                }
            }
            LinkState state = _client == null ? LinkState.Closed : _client.State;
            if (state != State)
            {
                State = state;
                _stateChanged.Invoke(state);
            }
            Exception failure = _hops.TakeFailure();
            if (failure != null)
            {
                Debug.LogException(failure, this);
            }
            ErrorNotice error = _client == null ? null : _client.LastError;
            if (error != null && error != _toldError)
            {
                _refused.Invoke(error.ToString());
            }
            _toldError = error;
        }

        private void SendSettings()
        {
            bool isGuidanceNew = _guidance >= 0f && _guidance != _sentGuidance;
            bool isNfeNew = _nfe > 0 && _nfe != _sentNfe;
            if (_welcome == null || !(isGuidanceNew || isNfeNew))
            {
                return;
            }
            ControlChange change = new ControlChange();
            if (isGuidanceNew)
            {
                change.Guidance = _guidance;
            }
            if (isNfeNew)
            {
                change.Nfe = _nfe;
            }
            if (_client.Control(change))
            {
                _sentGuidance = _guidance;
                _sentNfe = _nfe;
            }
        }
    }
}
