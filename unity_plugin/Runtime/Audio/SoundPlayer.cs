using System;
using System.Threading;

namespace SoundReactor.Audio
{
    /// <summary>
    /// The way of sound from the network into the mixer: ring, level control, resampling, fades, channels.
    /// Three threads use it: the network writes (<see cref="Write"/>), the mixer reads (<see cref="AddTo"/>), and the
    /// main thread sets it up (<see cref="Configure"/> and the properties). The mixer's side neither locks nor allocates.
    /// </summary>
    /// <remarks>
    /// <code>
    ///  network ─► ring (1.4 s) ─► window (linear, a few blocks) ─► sinc ─► fade, gain ─► channels ─► mixer
    ///                   └ level ─► PI control ─► speed ±0.5 %
    /// </code>
    /// </remarks>
    public sealed class SoundPlayer
    {
        /// <summary>Frames per second of the runtime's sound.</summary>
        public const int InputHz = 48000;
        private const int RingFrames = 65536;
        private const int StepFrames = 256; // made at a time, so that the window stays small for any block
        private const int HopFrames = 1600;
        private const int JitterFrames = 960; // 20 ms: how late a hop may be without being heard
        private const double SkipAboveMs = 50; // over the target: what half a per cent of speed would need 10 s for
        private const double ResyncAboveMs = 200;
        private const int SkipPauseMs = 250; // between two skips, or they would sound like a tone

        private readonly SampleRing _ring = new SampleRing(RingFrames);
        private readonly LevelControl _control = new LevelControl(InputHz);
        private readonly PlayWindow _window = new PlayWindow();
        private readonly EdgeFades _fades = new EdgeFades();
        private SincKernel _configured; // written by the main thread
        private SincKernel _kernel; // the audio thread's own
        private int _isDiscarding;
        private int _isOpen;
        private float _gain = 1f;
        private float _surround;
        private float _latencyMs = 83f;

        private bool _isPlaying;
        private float _heardGain;
        private int _sinceSkip;
        private double _speed;
        private float _writtenLeft, _writtenRight; // the network thread's own
        private float[] _afterGap = new float[2 * HopFrames]; // likewise

        private int _underruns;
        private int _skips;
        private int _overflows;
        private int _outputChannels;
        private float _levelMs;
        private float _ppm;
        private float _peak;

        /// <summary>Linear gain; a change takes 5 ms.</summary>
        public float Gain
        {
            get { return Volatile.Read(ref _gain); }
            set { Volatile.Write(ref _gain, value); }
        }

        /// <summary>Gain of the channels behind the listener, with more than two channels.</summary>
        public float Surround
        {
            get { return Volatile.Read(ref _surround); }
            set { Volatile.Write(ref _surround, value); }
        }

        /// <summary>Sound that shall wait, in milliseconds: more is safer, less is sooner.</summary>
        public float LatencyMs
        {
            get { return Volatile.Read(ref _latencyMs); }
            set { Volatile.Write(ref _latencyMs, value); }
        }

        /// <summary>Times that the ring ran empty while a session was open.</summary>
        public int Underruns { get { return Volatile.Read(ref _underruns); } }
        /// <summary>Times that sound was stepped over because too much waited.</summary>
        public int Skips { get { return Volatile.Read(ref _skips); } }
        /// <summary>Hops thrown away because nobody read: a pause.</summary>
        public int Overflows { get { return Volatile.Read(ref _overflows); } }
        /// <summary>Channels of the last block; 0 before the first.</summary>
        public int OutputChannels { get { return Volatile.Read(ref _outputChannels); } }
        /// <summary>Sound waiting before the last block, in milliseconds.</summary>
        public float WaitingMs { get { return Volatile.Read(ref _levelMs); } }
        /// <summary>Change of speed against the sound card, in parts per million.</summary>
        public float Ppm { get { return Volatile.Read(ref _ppm); } }
        /// <summary>Loudest sample of the last block, linear.</summary>
        public float Peak { get { return Volatile.Read(ref _peak); } }

        /// <summary>
        /// Set the mixer's rate; a change starts the sound anew. 0 or less: there is no mixer, and no sound until there is
        /// one. Thread: main.
        /// </summary>
        public void Configure(int outputHz)
        {
            if (outputHz <= 0)
            {
                Volatile.Write(ref _configured, null);
                return;
            }
            SincKernel now = Volatile.Read(ref _configured);
            if (now == null || now.OutputHz != outputHz)
            {
                Volatile.Write(ref _configured, new SincKernel(InputHz, outputHz));
            }
        }

        /// <summary>Throw away what waits and start anew: after a pause, or when the device has changed. Thread: any.</summary>
        public void Restart()
        {
            Volatile.Write(ref _isDiscarding, 1);
        }

        /// <summary>A session opened (sound is to be expected) or ended (silence is no underrun). Thread: any.</summary>
        public void SetSessionOpen(bool isOpen)
        {
            Volatile.Write(ref _isOpen, isOpen ? 1 : 0);
        }

        /// <summary>
        /// Add sound, interleaved stereo at 48 kHz. <paramref name="isAfterGap"/>: it is faded in because time was
        /// lost; the sound before it then ends within 5 ms instead of at once. Thread: network.
        /// </summary>
        public void Write(float[] interleaved, int frames, bool isAfterGap)
        {
            if (frames < 1)
            {
                return;
            }
            if (isAfterGap && _ring.Level > 0)
            {
                interleaved = WithEndOfLast(interleaved, frames);
            }
            _writtenLeft = interleaved[2 * frames - 2];
            _writtenRight = interleaved[2 * frames - 1];
            if (!_ring.Write(interleaved, frames))
            {
                // Nobody reads. What waits is old: the reader shall begin with fresh sound when it comes back.
                Volatile.Write(ref _overflows, _overflows + 1);
                Restart();
            }
        }

        /// <summary>Return a copy to which the last sample before, fading, is added: others hear the array, too.</summary>
        private float[] WithEndOfLast(float[] interleaved, int frames)
        {
            if (_afterGap.Length < 2 * frames)
            {
                _afterGap = new float[2 * frames];
            }
            Buffer.BlockCopy(interleaved, 0, _afterGap, 0, 8 * frames);
            int faded = Math.Min(frames, EdgeFades.InFrames);
            for (int i = 0; i < faded; i++)
            {
                float rest = 1f - (i + 1f) / faded;
                _afterGap[2 * i] += rest * _writtenLeft;
                _afterGap[2 * i + 1] += rest * _writtenRight;
            }
            return _afterGap;
        }

        /// <summary>Add the next sound to a block of the mixer, in the mixer's format. Thread: audio.</summary>
        public void AddTo(float[] data, int channels)
        {
            SincKernel kernel = Volatile.Read(ref _configured);
            if (kernel == null || channels < 1)
            {
                return;
            }
            Volatile.Write(ref _outputChannels, channels);
            int frames = data.Length / channels;
            Prepare(kernel, frames);
            float peak = 0f;
            int step = (int)Math.Max(1, Math.Min(StepFrames, PlayWindow.MaxFill / kernel.Ratio));
            for (int at = 0; at < frames; at += step)
            {
                Step(data, at, Math.Min(step, frames - at), channels, ref peak);
            }
            Volatile.Write(ref _peak, peak);
        }

        /// <summary>What happens once per block: restart, target, start, skip, speed.</summary>
        private void Prepare(SincKernel kernel, int frames)
        {
            bool isOtherDevice = _kernel != null && kernel != _kernel;
            _kernel = kernel;
            if (Interlocked.Exchange(ref _isDiscarding, 0) != 0 || isOtherDevice)
            {
                _ring.Discard(_ring.Level);
                Stop();
            }
            double blockFrames = frames * kernel.Ratio;
            _control.SetBase(Math.Max(LatencyMs * 1e-3 * InputHz, blockFrames + HopFrames / 2 + JitterFrames));
            double level = Level();
            if (!_isPlaying && level >= _control.TargetFrames)
            {
                // Nothing is heard yet, so what is too much can go at once: up to a whole block, with large ones.
                level -= _ring.Discard((int)(level - _control.TargetFrames));
                Begin(level);
            }
            if (_isPlaying)
            {
                SkipIfTooMuch(ref level, frames);
                _speed = _control.Update(level, (double)frames / kernel.OutputHz);
                FadeOutIfTooLittle(level, blockFrames);
            }
            Volatile.Write(ref _levelMs, (float)(level * 1e3 / InputHz));
            Volatile.Write(ref _ppm, (float)(_speed * 1e6));
        }

        private double Level()
        {
            return _ring.Level + _window.Waiting;
        }

        private void Begin(double level)
        {
            _isPlaying = true;
            _fades.Begin();
            _window.Begin(_kernel.Taps / 2);
            _control.Start(level);
            _sinceSkip = 0;
        }

        private void Stop()
        {
            _isPlaying = false;
            _window.Clear();
            _fades.Forget();
        }

        private void SkipIfTooMuch(ref double level, int frames)
        {
            _sinceSkip += frames;
            double over = (level - _control.TargetFrames) * 1e3 / InputHz;
            int skip = over > ResyncAboveMs ? (int)(level - _control.TargetFrames)
                : over > SkipAboveMs && _sinceSkip > SkipPauseMs * _kernel.OutputHz / 1000 ? PlayWindow.CrossfadeFrames
                : 0;
            if (skip == 0 || !_window.Skip(_ring, skip))
            {
                return;
            }
            _sinceSkip = 0;
            level -= skip;
            _control.OnSkip(skip);
            Volatile.Write(ref _skips, _skips + 1);
        }

        /// <summary>Know before a block is made that it cannot be filled, so that its end is faded, not cut.</summary>
        private void FadeOutIfTooLittle(double level, double blockFrames)
        {
            double ready = level - _kernel.Taps;
            if (ready >= blockFrames + 2)
            {
                _fades.Forget();
                return;
            }
            _fades.EndAfter((int)Math.Max(0, ready / (_kernel.Ratio * (1 + _speed)) - 1));
        }

        private void Step(float[] data, int at, int frames, int channels, ref float peak)
        {
            float gain = Gain;
            float surround = Surround;
            float slope = (gain - _heardGain) / frames;
            double ratio = _kernel.Ratio * (1 + _speed);
            if (_isPlaying)
            {
                _window.Fill(_ring, ratio * frames, _kernel.Taps);
            }
            for (int i = 0; i < frames; i++)
            {
                float left, right;
                Next(ratio, out left, out right);
                _heardGain += slope;
                left *= _heardGain;
                right *= _heardGain;
                float loudest = Math.Max(Math.Abs(left), Math.Abs(right));
                peak = loudest > peak ? loudest : peak;
                ChannelLayout.Add(data, (at + i) * channels, channels, left, right, surround);
            }
            _heardGain = gain;
        }

        /// <summary>Make one frame at the mixer's rate, faded where sound begins or ends.</summary>
        private void Next(double ratio, out float left, out float right)
        {
            if (_isPlaying && !_fades.HasEnded && _window.TryNext(_kernel, ratio, out left, out right))
            {
                _fades.Apply(ref left, ref right);
                return;
            }
            if (_isPlaying)
            {
                RunOut();
            }
            _fades.Decay(out left, out right);
        }

        private void RunOut()
        {
            Stop();
            if (Volatile.Read(ref _isOpen) != 0)
            {
                Volatile.Write(ref _underruns, _underruns + 1);
                _control.OnUnderrun();
            }
        }
    }
}
