using System;
using System.IO;
using NUnit.Framework;
using SoundReactor.Audio;

namespace SoundReactor.Tests.Audio
{
    /// <summary>Recorded takes.</summary>
    public class WavTests
    {
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
