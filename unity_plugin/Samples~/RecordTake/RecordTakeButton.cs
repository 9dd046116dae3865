using SoundReactor.Protocol;
using UnityEngine;

namespace SoundReactor.Samples
{
    /// <summary>A button that records the generated sound to a WAV file, in the editor and in a build.</summary>
    [RequireComponent(typeof(SoundReactorRecorder))]
    public sealed class RecordTakeButton : MonoBehaviour
    {
        private SoundReactorRecorder _recorder;
        private SoundReactorLink _link;
        private string _path = "";

        private void Start()
        {
            _recorder = GetComponent<SoundReactorRecorder>();
            _link = FindFirstObjectByType<SoundReactorLink>();
        }

        private void OnGUI()
        {
            bool isReady = _link != null && _link.State == LinkState.Running;
            string label = _recorder.IsRecording
                ? "Stop (" + _recorder.Seconds.ToString("f1") + " s)"
                : isReady ? "Record a take" : "No session yet";
            if (GUI.Button(new Rect(20f, 20f, 220f, 40f), label))
            {
                Toggle();
            }
            GUI.Label(new Rect(20f, 70f, 900f, 40f), _path);
        }

        private void Toggle()
        {
            if (_recorder.IsRecording)
            {
                _recorder.StopRecording();
            }
            else
            {
                _path = _recorder.StartRecording("");
            }
        }
    }
}
