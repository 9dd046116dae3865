using System;
using System.IO;
using NUnit.Framework;
using SoundReactor.Audio;

namespace SoundReactor.Tests.Audio
{
    /// <summary>Recorded takes.</summary>
    public class WavTests
    {
        /// <summary>A disk that is full after some bytes.</summary>
        private sealed class FullDisk : MemoryStream
        {
            public override void Write(byte[] data, int at, int count)
            {
                if (Position + count > 10000)
                {
                    throw new IOException("No space left on device");
                }
                base.Write(data, at, count);
            }
        }

        [Test]
        public void A_full_disk_ends_the_take_with_a_message_and_no_exception()
        {
            FullDisk disk = new FullDisk();
            using (TakeRecorder recorder = new TakeRecorder("take.wav", disk, 48000))
            {
                float[] hop = new float[3200];
                recorder.Write(hop, 1600);
                Assert.That(recorder.Flush());
                recorder.Write(hop, 1600);
                Assert.That(!recorder.Flush());
                Assert.That(recorder.Failure, Is.EqualTo("cannot write take.wav: No space left on device"));
                Assert.That(!recorder.Flush(), "does not try again");
            }
            byte[] data = disk.ToArray();
            Assert.That(data.Length, Is.EqualTo(44 + 6400), "what fitted is whole");
            Assert.That(BitConverter.ToInt32(data, 40), Is.EqualTo(6400));
        }

        [Test]
        public void A_take_has_every_sample_and_a_right_header()
        {
            string folder = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString());
            string path = Path.Combine(folder, "takes", "take.wav");
            try
            {
                using (TakeRecorder recorder = new TakeRecorder(path, 48000))
                {
                    float[] hop = new float[3200];
                    for (int i = 0; i < 45; i++)
                    {
                        hop[0] = 0.5f;
                        hop[3199] = -2f;
                        recorder.Write(hop, 1600);
                        if (i % 10 == 0)
                        {
                            recorder.Flush();
                        }
                    }
                    recorder.Flush();
                    Assert.That(recorder.Seconds, Is.EqualTo(1.5));
                    Assert.That(recorder.Lost, Is.EqualTo(0));
                }
                byte[] data = File.ReadAllBytes(path);
                Assert.That(data.Length, Is.EqualTo(44 + 4 * 72000));
                Assert.That(BitConverter.ToInt32(data, 4), Is.EqualTo(data.Length - 8));
                Assert.That(BitConverter.ToInt32(data, 24), Is.EqualTo(48000));
                Assert.That(BitConverter.ToInt32(data, 40), Is.EqualTo(data.Length - 44));
                Assert.That(BitConverter.ToInt16(data, 44), Is.EqualTo(16384));
                Assert.That(BitConverter.ToInt16(data, 44 + 4 * 1600 - 2), Is.EqualTo(-32767));
            }
            finally
            {
                Directory.Delete(folder, true);
            }
        }
    }
}
