using System;
using NUnit.Framework;
using SoundReactor.Capture;

namespace SoundReactor.Tests.Capture
{
    /// <summary>Thirty captures a second from any engine rate.</summary>
    public class CapturePacerTests
    {
        [TestCase(30.0)]
        [TestCase(31.0)]
        [TestCase(45.0)]
        [TestCase(59.94)]
        [TestCase(60.0)]
        [TestCase(72.0)]
        [TestCase(90.0)]
        [TestCase(144.0)]
        [TestCase(1000.0)]
        public void Thirty_a_second_on_average(double engineHz)
        {
            Assert.That(Captures(engineHz, 100, 0.0), Is.EqualTo(3000).Within(2));
            Assert.That(Captures(engineHz, 100, 0.3 / engineHz), Is.EqualTo(3000).Within(60));
        }

        [TestCase(10.0)]
        [TestCase(24.0)]
        public void A_slower_engine_gives_every_picture(double engineHz)
        {
            Assert.That(Captures(engineHz, 100, 0.0), Is.EqualTo(100 * engineHz).Within(1));
        }

        [Test]
        public void A_stall_is_not_caught_up()
        {
            CapturePacer pacer = new CapturePacer(30);
            Assert.That(pacer.IsDue(0));
            Assert.That(pacer.IsDue(5));
            Assert.That(!pacer.IsDue(5.001));
            Assert.That(pacer.IsDue(5.034));
            pacer.Reset();
            Assert.That(pacer.IsDue(1));
        }

        private static int Captures(double engineHz, double seconds, double jitter)
        {
            CapturePacer pacer = new CapturePacer(30);
            Random random = new Random(4);
            int count = 0;
            for (int i = 0; i < seconds * engineHz; i++)
            {
                double now = i / engineHz + jitter * (random.NextDouble() - 0.5);
                count += pacer.IsDue(now) ? 1 : 0;
            }
            return count;
        }
    }
}
