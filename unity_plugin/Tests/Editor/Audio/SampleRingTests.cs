using System.Threading;
using NUnit.Framework;
using SoundReactor.Audio;

namespace SoundReactor.Tests.Audio
{
    /// <summary>The ring between two threads.</summary>
    public class SampleRingTests
    {
        [Test]
        public void Two_threads_lose_and_repeat_nothing()
        {
            const int Total = 4000000;
            SampleRing ring = new SampleRing(3000);
            Assert.That(ring.Capacity, Is.EqualTo(4096));
            Thread writer = new Thread(delegate() { WriteAll(ring, Total); });
            writer.Start();
            float[] block = new float[2 * 700];
            int next = 0, wrong = 0;
            for (int size = 1; next < Total; size = size % 699 + 1)
            {
                int count = ring.Read(block, 0, size);
                for (int i = 0; i < count; i++, next++)
                {
                    wrong += block[2 * i] == next % 65536 && block[2 * i + 1] == -(next % 65536) ? 0 : 1;
                }
                if (count == 0)
                {
                    Thread.Sleep(0);
                }
            }
            writer.Join();
            Assert.That(wrong, Is.EqualTo(0));
            Assert.That(ring.Level, Is.EqualTo(0));
        }

        private static void WriteAll(SampleRing ring, int total)
        {
            float[] hop = new float[2 * 1600];
            int next = 0;
            for (int size = 1; next < total; size = size % 1600 + 7)
            {
                int frames = System.Math.Min(System.Math.Min(size, 1600), total - next);
                for (int i = 0; i < frames; i++)
                {
                    hop[2 * i] = (next + i) % 65536;
                    hop[2 * i + 1] = -hop[2 * i];
                }
                while (!ring.Write(hop, frames))
                {
                    Thread.Sleep(0);
                }
                next += frames;
            }
        }

        [Test]
        public void A_full_ring_takes_nothing_and_loses_nothing()
        {
            SampleRing ring = new SampleRing(16);
            Assert.That(ring.Write(new float[20], 10));
            Assert.That(!ring.Write(new float[20], 10));
            Assert.That(ring.Level, Is.EqualTo(10));
            Assert.That(ring.Discard(4), Is.EqualTo(4));
            Assert.That(ring.Write(new float[20], 10));
            Assert.That(ring.Read(new float[40], 0, 20), Is.EqualTo(16));
            Assert.That(ring.Discard(1), Is.EqualTo(0));
        }
    }
}
