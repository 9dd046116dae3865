using System;
using NUnit.Framework;
using SoundReactor.Audio;

namespace SoundReactor.Tests.Audio
{
    /// <summary>The resampling filter against sines that are known at every moment.</summary>
    public class SincKernelTests
    {
        [TestCase(48000, 48000, 1000, -90)]
        [TestCase(48000, 48000, 10000, -85)]
        [TestCase(48000, 48000, 18000, -60)]
        [TestCase(48000, 44100, 1000, -90)]
        [TestCase(48000, 44100, 10000, -80)]
        [TestCase(48000, 96000, 10000, -85)]
        [TestCase(48000, 22050, 5000, -80)]
        [TestCase(48000, 16000, 1000, -80)]
        public void A_sine_is_met_at_any_fraction(int input, int output, double hz, double expectedDb)
        {
            SincKernel kernel = new SincKernel(input, output);
            float[] signal = Sine(hz, input, 4096);
            double error = 0;
            int count = 0;
            for (double place = 10.3; place + kernel.Taps + 1 < 4096; place += 1.0371, count++)
            {
                float left, right;
                int whole = (int)place;
                kernel.Apply(signal, whole, place - whole, out left, out right);
                double expected = 0.5 * Math.Sin(2 * Math.PI * hz / input * (place + kernel.Taps / 2 - 1));
                error += (left - expected) * (left - expected);
                Assert.That(right, Is.EqualTo(-left).Within(1e-6));
            }
            double db = 10 * Math.Log10(error / count / 0.125);
            Assert.That(db, Is.LessThan(expectedDb));
        }

        [TestCase(44100, 23000, -45)]
        [TestCase(22050, 13000, -60)]
        [TestCase(22050, 20000, -80)]
        public void What_the_output_cannot_carry_is_removed(int output, double hz, double expectedDb)
        {
            SincKernel kernel = new SincKernel(48000, output);
            float[] signal = Sine(hz, 48000, 4096);
            double energy = 0;
            int count = 0;
            for (double place = 10.3; place + kernel.Taps + 1 < 4096; place += kernel.Ratio, count++)
            {
                float left, right;
                int whole = (int)place;
                kernel.Apply(signal, whole, place - whole, out left, out right);
                energy += left * left;
            }
            Assert.That(10 * Math.Log10(energy / count / 0.125), Is.LessThan(expectedDb));
        }

        [Test]
        public void A_constant_stays_what_it_is()
        {
            SincKernel kernel = new SincKernel(48000, 44100);
            float[] ones = new float[400];
            for (int i = 0; i < ones.Length; i++)
            {
                ones[i] = 1f;
            }
            for (double fraction = 0; fraction < 1; fraction += 0.013)
            {
                float left, right;
                kernel.Apply(ones, 0, fraction, out left, out right);
                Assert.That(left, Is.EqualTo(1f).Within(1e-5));
            }
        }

        [Test]
        public void An_impossible_rate_is_refused()
        {
            Assert.Throws<ArgumentOutOfRangeException>(delegate { new SincKernel(48000, 0); });
        }

        private static float[] Sine(double hz, int rate, int frames)
        {
            float[] signal = new float[2 * frames];
            for (int i = 0; i < frames; i++)
            {
                signal[2 * i] = (float)(0.5 * Math.Sin(2 * Math.PI * hz / rate * i));
                signal[2 * i + 1] = -signal[2 * i];
            }
            return signal;
        }
    }
}
