namespace UnityEngine
{
    // ScriptReference/AudioSource
    public sealed class AudioSource : Behaviour
    {
        public AudioClip clip { get; set; }
        public bool mute { get; set; }
        public float volume { get; set; }
        public float spatialBlend { get; set; }
        public bool playOnAwake { get; set; }
        public int priority { get; set; }
        public void Play() { }
    }

    // ScriptReference/AudioClip
    public sealed class AudioClip : Object { }

    // ScriptReference/AudioListener
    public sealed class AudioListener : Behaviour { }

    // ScriptReference/AudioSettings
    public sealed class AudioSettings
    {
        public delegate void AudioConfigurationChangeHandler(bool deviceWasChanged);
#pragma warning disable 67
        public static event AudioConfigurationChangeHandler OnAudioConfigurationChanged;
#pragma warning restore 67
        public static int outputSampleRate { get { return 0; } }
        public static void GetDSPBufferSize(out int bufferLength, out int numBuffers) { bufferLength = numBuffers = 0; }
    }
}
