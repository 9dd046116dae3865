using System;
using NUnit.Framework;
using SoundReactor.Audio;

namespace SoundReactor.Tests.Audio
{
    /// <summary>The filter path, driven with odd buffer sizes and rates in virtual time, against the tone it must give.</summary>
    public class SoundPlayerTests
    {
        private const double ClickTolerance = 1.03; // of the tone's own second difference; a click gives 2 to 100

        [TestCase(48000, 1024)]
        [TestCase(48000, 256)]
        [TestCase(48000, 37)]
        [TestCase(48000, 1)]
        [TestCase(44100, 1024)]
        [TestCase(44100, 441)]
        [TestCase(22050, 512)]
        [TestCase(96000, 2048)]
        [TestCase(192000, 4096)]
        [TestCase(8000, 333)]
        [TestCase(48000, 8192)]
        public void The_tone_comes_through_at_its_pitch_and_without_a_click(int rate, int block)
        {
            SoundPlayer player = new SoundPlayer();
            VirtualMixer mixer = new VirtualMixer(player, rate, 2, block);
            mixer.Run(block == 1 ? 1.5 : 4);
            int settled = rate / 2;
            Assert.That(player.Underruns, Is.EqualTo(0));
            Assert.That(player.Skips, Is.EqualTo(0));
            Assert.That(mixer.Roughness(settled), Is.LessThan(ClickTolerance * mixer.Smooth(997, 0.5)));
            Assert.That(mixer.Frequency(settled), Is.EqualTo(997).Within(997 * 0.0051));
            Assert.That(Loudest(mixer, settled), Is.EqualTo(0.5).Within(0.005));
        }

        [Test]
        public void Without_a_mixer_there_is_no_sound_until_there_is_one()
        {
            SoundPlayer player = new SoundPlayer();
            float[] hop = new float[3200];
            float[] block = new float[2048];
            for (int i = 0; i < hop.Length; i++)
            {
                hop[i] = 0.5f;
            }
            player.Configure(0);
            player.Write(hop, 1600, false);
            player.AddTo(block, 2);
            Assert.That(block, Has.All.EqualTo(0f));
            player.Configure(48000);
            for (int i = 0; i < 8; i++)
            {
                player.Write(hop, 1600, false);
                player.AddTo(block, 2);
            }
            Assert.That(block, Has.Some.GreaterThan(0.4f));
            player.Configure(-1);
            Array.Clear(block, 0, block.Length);
            player.AddTo(block, 2);
            Assert.That(block, Has.All.EqualTo(0f));
        }

        private static double Loudest(VirtualMixer mixer, int from)
        {
            double loudest = 0;
            for (int i = from; i < mixer.Left.Count; i++)
            {
                loudest = Math.Max(loudest, Math.Abs(mixer.Left[i]));
            }
            return loudest;
        }

        [TestCase(0.003)]
        [TestCase(-0.003)]
        public void A_runtime_whose_clock_is_off_neither_starves_nor_piles_up(double faster)
        {
            SoundPlayer player = new SoundPlayer();
            VirtualMixer mixer = new VirtualMixer(player, 48000, 2, 1024);
            mixer.Faster = faster;
            mixer.Run(45);
            int settled = 30 * 48000;
            Assert.That(player.Underruns, Is.EqualTo(0));
            Assert.That(player.Skips, Is.EqualTo(0));
            Assert.That(player.WaitingMs, Is.EqualTo(83).Within(45));
            Assert.That(mixer.Frequency(settled), Is.EqualTo(997 * (1 + faster)).Within(1.0));
            Assert.That(mixer.Roughness(24000), Is.LessThan(ClickTolerance * mixer.Smooth(997 * 1.005, 0.5)));
        }

        [Test]
        public void A_stalled_runtime_fades_out_and_in_again_without_a_click()
        {
            SoundPlayer player = new SoundPlayer();
            VirtualMixer mixer = new VirtualMixer(player, 48000, 2, 512);
            mixer.Signal = delegate(long n) { return 0.5 * Math.Sin(2 * Math.PI * 100 * n / 48000.0); };
            mixer.Run(2);
            mixer.IsRuntimeStalled = true;
            mixer.Run(0.5);
            Assert.That(player.Underruns, Is.EqualTo(1));
            Assert.That(Math.Abs(mixer.Left[mixer.Left.Count - 1]), Is.EqualTo(0));
            Assert.That(player.Peak, Is.EqualTo(0));
            mixer.IsRuntimeStalled = false;
            mixer.Run(2);
            Assert.That(player.Underruns, Is.EqualTo(1));
            Assert.That(player.Peak, Is.GreaterThan(0.3f));
            // A fade over 2 ms and more bends a tone of 100 Hz by this much; a cut would be a step of up to 0.5.
            Assert.That(mixer.Roughness(0), Is.LessThan(0.015));
        }

        [Test]
        public void After_a_pause_only_fresh_sound_is_heard()
        {
            SoundPlayer player = new SoundPlayer();
            VirtualMixer mixer = new VirtualMixer(player, 48000, 2, 1024);
            mixer.Signal = delegate(long n) { return n / 4800000.0; }; // its own clock: 0.01 a second
            mixer.Run(1);
            mixer.IsMixerPaused = true;
            mixer.Run(10);
            mixer.IsMixerPaused = false;
            int resumed = mixer.Left.Count;
            mixer.Run(1);
            Assert.That(player.Overflows, Is.GreaterThan(0));
            for (int i = resumed + 1000; i < mixer.Left.Count; i++)
            {
                bool isSilent = Math.Abs(mixer.Left[i]) < 1e-6;
                Assert.That(isSilent || mixer.Left[i] > 0.105 || i < resumed + 20000, "old sound at " + i);
            }
            Assert.That(mixer.Left[mixer.Left.Count - 1], Is.EqualTo(0.12).Within(0.003));
        }

        [Test]
        public void A_burst_is_stepped_over_without_a_click()
        {
            SoundPlayer player = new SoundPlayer();
            VirtualMixer mixer = new VirtualMixer(player, 48000, 2, 512);
            mixer.Signal = delegate(long n) { return 0.5 * Math.Sin(2 * Math.PI * 100 * n / 48000.0); };
            mixer.Run(3);
            for (int i = 0; i < 4; i++)
            {
                mixer.WriteHop();
            }
            mixer.Run(8);
            Assert.That(player.Skips, Is.GreaterThan(3));
            Assert.That(player.Underruns, Is.EqualTo(0));
            Assert.That(player.WaitingMs, Is.LessThan(83 + 75));
            Assert.That(mixer.Roughness(0), Is.LessThan(0.01)); // a cut of a tone of 0.5 would give up to 1
        }

        [Test]
        public void A_flood_is_left_behind_at_once()
        {
            SoundPlayer player = new SoundPlayer();
            VirtualMixer mixer = new VirtualMixer(player, 48000, 2, 512);
            mixer.Run(2);
            for (int i = 0; i < 20; i++)
            {
                mixer.WriteHop();
            }
            mixer.Run(0.5);
            Assert.That(player.WaitingMs, Is.LessThan(150));
        }

        [Test]
        public void Another_device_with_another_rate_and_other_channels_goes_on()
        {
            SoundPlayer player = new SoundPlayer();
            VirtualMixer first = new VirtualMixer(player, 48000, 2, 1024);
            first.Run(1);
            foreach (int channels in new[] { 6, 1, 8, 4, 5, 3 })
            {
                VirtualMixer next = new VirtualMixer(player, channels % 2 == 0 ? 44100 : 32000, channels, 480 + channels);
                next.Run(2);
                Assert.That(player.OutputChannels, Is.EqualTo(channels));
                if (channels > 1) // in mono both sides cancel here
                {
                    Assert.That(next.Frequency(next.Rate), Is.EqualTo(997).Within(6));
                    Assert.That(player.Peak, Is.EqualTo(0.5).Within(0.01));
                }
            }
        }

        [Test]
        public void Nothing_is_played_before_the_target_and_before_the_rate_is_known()
        {
            SoundPlayer player = new SoundPlayer();
            float[] data = new float[2048];
            player.AddTo(data, 2);
            Assert.That(player.OutputChannels, Is.EqualTo(0));
            player.Configure(48000);
            player.Write(Ones(1600), 1600, false);
            player.AddTo(data, 2);
            Assert.That(data, Is.EqualTo(new float[2048]));
            Assert.That(player.Underruns, Is.EqualTo(0));
        }

        [Test]
        public void Sound_is_added_to_what_the_mixer_has_and_gain_moves_smoothly()
        {
            SoundPlayer player = new SoundPlayer();
            player.Configure(48000);
            for (int i = 0; i < 5; i++)
            {
                player.Write(Ones(1600), 1600, false);
            }
            float[] data = new float[2048];
            for (int i = 0; i < data.Length; i++)
            {
                data[i] = 0.25f;
            }
            player.AddTo(data, 2);
            Assert.That(data[2047], Is.EqualTo(1.25f).Within(0.01));
            player.Gain = 0f;
            data = new float[2048];
            player.AddTo(data, 2);
            Assert.That(data[0], Is.EqualTo(1f).Within(0.02));
            Assert.That(data[2047], Is.EqualTo(0f));
            for (int i = 2; i < data.Length; i += 2)
            {
                Assert.That(Math.Abs(data[i] - data[i - 2]), Is.LessThan(0.01));
            }
        }

        [Test]
        public void The_end_before_a_gap_fades_instead_of_breaking_off()
        {
            SoundPlayer player = new SoundPlayer();
            player.Configure(48000);
            for (int i = 0; i < 4; i++)
            {
                player.Write(Ones(1600), 1600, false);
            }
            float[] quiet = new float[3200];
            player.Write(quiet, 1600, true);
            player.Write(quiet, 1600, false);
            Assert.That(quiet, Is.EqualTo(new float[3200]), "others hear the same array");
            float[] data = new float[2 * 7000];
            player.AddTo(data, 2);
            int silent = 0;
            for (int i = 2; i < data.Length; i += 2)
            {
                Assert.That(Math.Abs(data[i] - data[i - 2]), Is.LessThan(0.02));
                silent += data[i] == 0f ? 1 : 0;
            }
            Assert.That(silent, Is.GreaterThan(500));
        }

        [Test]
        public void Writing_and_reading_allocate_nothing()
        {
            SoundPlayer player = new SoundPlayer();
            player.Configure(44100);
            float[] hop = Ones(1600);
            float[] data = new float[8];
            for (int i = 0; i < 20000; i++)
            {
                Pass(player, hop, data, i);
            }
            int collections = GC.CollectionCount(0);
            const int Blocks = 400000; // 24 bytes each, the smallest object, would be 10 MB: collected at least once
            for (int i = 0; i < Blocks; i++)
            {
                Pass(player, hop, data, i);
            }
            Assert.That(GC.CollectionCount(0), Is.EqualTo(collections));
        }

        private static void Pass(SoundPlayer player, float[] hop, float[] data, int round)
        {
            if (round % 368 == 0)
            {
                player.Write(hop, 1600, round % 3680 == 0);
            }
            player.AddTo(data, 2);
        }

        private static float[] Ones(int frames)
        {
            float[] ones = new float[2 * frames];
            for (int i = 0; i < ones.Length; i++)
            {
                ones[i] = 1f;
            }
            return ones;
        }
    }
}
