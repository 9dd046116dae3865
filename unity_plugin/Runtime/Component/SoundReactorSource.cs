using SoundReactor.Audio;
using SoundReactor.Protocol;
using UnityEngine;

namespace SoundReactor
{
    /// <summary>
    /// Plays the generated sound through the Audio Source on the same object, and so through the mixer group that the
    /// Audio Source names. Any DSP buffer size, sample rate and speaker mode.
    /// </summary>
    [AddComponentMenu("SoundReactor/SoundReactor Source")]
    [DisallowMultipleComponent]
    [RequireComponent(typeof(AudioSource))]
    public sealed class SoundReactorSource : MonoBehaviour
    {
        /// <summary>Hops on their way from the network's thread into the player.</summary>
        private sealed class Feed : IHopReceiver
        {
            private readonly SoundPlayer _player;

            internal Feed(SoundPlayer player)
            {
                _player = player;
            }

            public void OnSessionStarted(Welcome welcome)
            {
                _player.SetSessionOpen(true);
            }

            public void OnHop(ref AudioHeader header, float[] samples)
            {
                _player.Write(samples, header.Samples, (header.Flags & AudioFlags.FadeIn) != 0);
            }

            public void OnSessionEnded()
            {
                _player.SetSessionOpen(false);
            }
        }

        [Tooltip("The connection; empty: the one in the scene.")]
        [SerializeField] private SoundReactorLink _link;
        [Tooltip("Sound that waits in the engine: less is sooner, more is safer. Raised by itself after underruns.")]
        [SerializeField] private LatencyPreset _latency = LatencyPreset.Balanced;
        [Range(0f, 2f)]
        [SerializeField] private float _volume = 1f;
        [Tooltip("With more than two speakers: gain of the sound behind the listener.")]
        [Range(0f, 1f)]
        [SerializeField] private float _surround = 0.5f;
        [Tooltip("Be silent while Time.timeScale is 0.")]
        [SerializeField] private bool _isSilentWhenTimeStops;

        private readonly LinkSearch _search = new LinkSearch();
        private SoundPlayer _player; // read by the audio thread
        private SoundReactorLink _fedBy;
        private Feed _feed;
        private AudioSource _audio;

        /// <summary>The connection; null: the one in the scene, as soon as there is one.</summary>
        public SoundReactorLink Link
        {
            get { return _link; }
            set { _link = value; }
        }

        /// <summary>Sound that waits in the engine.</summary>
        public LatencyPreset Latency
        {
            get { return _latency; }
            set { _latency = value; }
        }

        /// <summary>Linear gain, 0 to 2.</summary>
        public float Volume
        {
            get { return _volume; }
            set { _volume = Mathf.Clamp(value, 0f, 2f); }
        }

        /// <summary>Gain of the channels behind the listener.</summary>
        public float Surround
        {
            get { return _surround; }
            set { _surround = Mathf.Clamp01(value); }
        }

        /// <summary>Whether the sound is silent while the game's time stands still.</summary>
        public bool IsSilentWhenTimeStops
        {
            get { return _isSilentWhenTimeStops; }
            set { _isSilentWhenTimeStops = value; }
        }

        /// <summary>The player: levels, underruns, latency. Null before the first enable.</summary>
        public SoundPlayer Player { get { return _player; } }

        private void Reset()
        {
            AudioSource source = GetComponent<AudioSource>();
            source.spatialBlend = 0f; // the sound is the whole scene's, already stereo
            source.playOnAwake = true;
            source.priority = 0; // the last to be silenced when too many sounds play
        }

        private void OnEnable()
        {
            _audio = GetComponent<AudioSource>();
            _player = _player ?? new SoundPlayer();
            _feed = _feed ?? new Feed(_player);
            ApplySettings();
            _player.Configure(AudioSettings.outputSampleRate);
            _player.Restart();
            _search.Reset();
            FollowLink();
            AudioSettings.OnAudioConfigurationChanged += OnDeviceChanged;
            _audio.Play();
        }

        private void OnDisable()
        {
            AudioSettings.OnAudioConfigurationChanged -= OnDeviceChanged;
            HearLink(null);
        }

        /// <summary>Hear the link that is named, or found, now: it may have come later, or gone with its scene.</summary>
        private void FollowLink()
        {
            _link = _search.Find(_link);
            if (_link != _fedBy)
            {
                HearLink(_link);
            }
        }

        private void HearLink(SoundReactorLink link)
        {
            if (_fedBy != null)
            {
                _fedBy.RemoveReceiver(_feed);
            }
            _player.SetSessionOpen(false);
            _fedBy = link;
            if (link != null)
            {
                link.AddReceiver(_feed);
            }
        }

        /// <summary>Headphones came or went, or the project's settings changed: rate and channels may be others now.</summary>
        private void OnDeviceChanged(bool wasDeviceChanged)
        {
            _player.Configure(AudioSettings.outputSampleRate);
            _player.Restart();
            _audio.Play(); // a change of device stops every source
        }

        private void Update()
        {
            ApplySettings();
            FollowLink();
        }

        private void ApplySettings()
        {
            bool isSilent = _isSilentWhenTimeStops && Time.timeScale == 0f;
            _player.Gain = isSilent ? 0f : _volume;
            _player.Surround = _surround;
            _player.LatencyMs = (float)_latency;
        }

        /// <summary>Unity's audio thread: neither locks nor allocates, and calls nothing of Unity.</summary>
        private void OnAudioFilterRead(float[] data, int channels)
        {
            SoundPlayer player = _player;
            if (player != null)
            {
                player.AddTo(data, channels);
            }
        }
    }
}
