using System;
using System.IO;
using SoundReactor.Audio;
using SoundReactor.Protocol;
using UnityEngine;

namespace SoundReactor
{
    /// <summary>Records the generated sound to a WAV file, as it came: 48 kHz stereo, before volume and mixer.</summary>
    [AddComponentMenu("SoundReactor/SoundReactor Recorder")]
    [DisallowMultipleComponent]
    public sealed class SoundReactorRecorder : MonoBehaviour
    {
        private sealed class Tape : IHopReceiver
        {
            private readonly TakeRecorder _recorder;

            internal Tape(TakeRecorder recorder)
            {
                _recorder = recorder;
            }

            public void OnSessionStarted(Welcome welcome)
            {
            }

            public void OnHop(ref AudioHeader header, float[] samples)
            {
                _recorder.Write(samples, header.Samples);
            }

            public void OnSessionEnded()
            {
            }
        }

        [Tooltip("The connection; empty: the one in the scene.")]
        [SerializeField] private SoundReactorLink _link;

        private TakeRecorder _recorder;
        private Tape _tape;
        private SoundReactorLink _tapped;

        /// <summary>The connection; null: the one in the scene.</summary>
        public SoundReactorLink Link
        {
            get { return _link; }
            set { _link = value; }
        }

        /// <summary>Whether a take is being recorded.</summary>
        public bool IsRecording { get { return _recorder != null; } }
        /// <summary>Length of the take so far.</summary>
        public double Seconds { get { return _recorder == null ? 0 : _recorder.Seconds; } }

        /// <summary>Begin a take; returns its path. An empty <paramref name="path"/> names it by the time of day.</summary>
        /// <exception cref="IOException">The file cannot be made.</exception>
        public string StartRecording(string path)
        {
            StopRecording();
            if (_link == null)
            {
                _link = FindFirstObjectByType<SoundReactorLink>();
            }
            if (_link == null)
            {
                Debug.LogWarning("SoundReactor: nothing to record: there is no SoundReactor Link in the scene.", this);
                return "";
            }
            string place = string.IsNullOrEmpty(path) ? DefaultPath() : path;
            _recorder = new TakeRecorder(place, SoundPlayer.InputHz);
            _tape = new Tape(_recorder);
            _tapped = _link;
            _tapped.AddReceiver(_tape);
            return place;
        }

        /// <summary>End the take and close its file.</summary>
        public void StopRecording()
        {
            if (_recorder == null)
            {
                return;
            }
            if (_tapped != null)
            {
                _tapped.RemoveReceiver(_tape);
            }
            _recorder.Dispose();
            _recorder = null;
            _tape = null;
            _tapped = null;
        }

        private static string DefaultPath()
        {
            string name = "take-" + DateTime.Now.ToString("yyyyMMdd-HHmmss") + ".wav";
            return Path.Combine(Path.Combine(Application.persistentDataPath, "SoundReactor"), name);
        }

        private void Update()
        {
            if (_recorder != null && !_recorder.Flush())
            {
                Debug.LogError("SoundReactor: " + _recorder.Failure + ". The take ends here.", this);
                StopRecording();
            }
        }

        private void OnDisable()
        {
            StopRecording();
        }
    }
}
