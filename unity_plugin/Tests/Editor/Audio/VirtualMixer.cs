using System;
using System.Collections.Generic;
using SoundReactor.Audio;

namespace SoundReactor.Tests.Audio
{
    /// <summary>A sound card and a runtime in virtual time: 30 hops a second come, blocks of any size are taken.</summary>
    public sealed class VirtualMixer
    {
        private readonly SoundPlayer _player;
        private readonly float[] _hop = new float[2 * 1600];
        private long _frame;
        private long _nextHop;
        private double _time;

        public VirtualMixer(SoundPlayer player, int rate, int channels, int block)
        {
            _player = player;
            Rate = rate;
            Channels = channels;
            Block = block;
            player.Configure(rate);
            player.SetSessionOpen(true);
        }

        /// <summary>What sounds: frame number to value, the same on both sides but for the sign.</summary>
        public Func<long, double> Signal = delegate(long n) { return 0.5 * Math.Sin(2 * Math.PI * 997.0 * n / 48000); };
        public readonly List<float> Left = new List<float>();
        public int Rate;
        public int Channels;
        public int Block;
        /// <summary>How much faster the runtime's clock is.</summary>
        public double Faster = 0;
        public bool IsRuntimeStalled;
        public bool IsMixerPaused;
        /// <summary>Number of the next hop: what stalls is left out, as the runtime does.</summary>
        public long NextHop { get { return _nextHop; } }

        public void Run(double seconds)
        {
            for (double end = _time + seconds; _time < end;)
            {
                while (_nextHop / 30.0 <= _time * (1 + Faster))
                {
                    if (!IsRuntimeStalled)
                    {
                        WriteHop();
                    }
                    _nextHop++;
                }
                if (!IsMixerPaused)
                {
                    Take();
                }
                _time += (double)Block / Rate;
            }
        }

        /// <summary>Let a hop come at once, besides those of the clock.</summary>
        public void WriteHop()
        {
            for (int i = 0; i < 1600; i++, _frame++)
            {
                _hop[2 * i] = (float)Signal(_frame);
                _hop[2 * i + 1] = -_hop[2 * i];
            }
            _player.Write(_hop, 1600, false);
        }

        private void Take()
        {
            float[] data = new float[Block * Channels];
            _player.AddTo(data, Channels);
            for (int i = 0; i < Block; i++)
            {
                Left.Add(data[i * Channels]);
            }
        }

        /// <summary>Largest second difference: a click is a peak in it, a pure tone has a known one.</summary>
        public double Roughness(int from)
        {
            double worst = 0;
            for (int i = Math.Max(from, 0) + 2; i < Left.Count; i++)
            {
                worst = Math.Max(worst, Math.Abs(Left[i] - 2 * Left[i - 1] + Left[i - 2]));
            }
            return worst;
        }

        /// <summary>The second difference of the tone itself.</summary>
        public double Smooth(double hz, double amplitude)
        {
            double angle = 2 * Math.PI * hz / Rate;
            return amplitude * 2 * (1 - Math.Cos(angle));
        }

        /// <summary>Frequency by upward zero crossings.</summary>
        public double Frequency(int from)
        {
            double first = -1, last = -1;
            int count = -1;
            for (int i = from + 1; i < Left.Count; i++)
            {
                if (Left[i - 1] < 0 && Left[i] >= 0)
                {
                    last = i - 1 + -Left[i - 1] / (Left[i] - Left[i - 1]);
                    first = first < 0 ? last : first;
                    count++;
                }
            }
            return count * Rate / (last - first);
        }
    }
}
