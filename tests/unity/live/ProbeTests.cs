using System;
using System.Collections.Generic;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>The probe bundle's answer to what is seen: one click per step of brightness, in the hop that saw it.</summary>
    [TestFixture]
    public class ProbeTests
    {
        /// <summary>Notes the frames whose hops click. The click's peak of 0.6 is at sample 60; the tones stay below 0.3.</summary>
        private sealed class ClickEar : IHopReceiver
        {
            private const int ClickSample = 60;
            public readonly List<ulong> Clicks = new List<ulong>();
            public double LeftEnergy, RightEnergy;

            public void OnSessionStarted(Welcome welcome)
            {
            }

            public void OnHop(ref AudioHeader header, float[] samples)
            {
                float peak = Math.Max(Math.Abs(samples[2 * ClickSample]), Math.Abs(samples[2 * ClickSample + 1]));
                for (int i = 0; i < header.Samples; i++)
                {
                    LeftEnergy += samples[2 * i] * samples[2 * i];
                    RightEnergy += samples[2 * i + 1] * samples[2 * i + 1];
                }
                lock (Clicks)
                {
                    if (peak > 0.35f && header.Seq > 1)
                    {
                        Clicks.Add(header.Seq);
                    }
                }
            }

            public void OnSessionEnded()
            {
            }
        }

        [Test]
        public void A_flash_is_heard_once_in_the_hop_that_saw_it_and_left_is_left()
        {
            string heard = "";
            using (LiveRuntime runtime = new LiveRuntime("probe"))
            {
                // After lost time a hop's first 5 ms are faded in, and the click with them: on a starved machine try again.
                for (int attempt = 0; attempt < 4; attempt++)
                {
                    if (IsHeardRight(runtime, out heard))
                    {
                        Console.WriteLine(heard);
                        return;
                    }
                }
            }
            Assert.Fail(heard);
        }

        private static bool IsHeardRight(LiveRuntime runtime, out string heard)
        {
            ClickEar ear = new ClickEar();
            using (RuntimeClient client = new RuntimeClient(runtime.Options(), ear))
            {
                client.Start();
                Wait.Until(delegate { return client.Welcome != null; }, 30000);
                Show(client, 10, 30);
                long white = client.Statistics.FramesCommitted + 1;
                Show(client, 240, 30);
                long black = client.Statistics.FramesCommitted + 1;
                Show(client, 10, 30);
                Wait.Until(delegate { lock (ear.Clicks) { return ear.Clicks.Count >= 2; } }, 2000);
                lock (ear.Clicks)
                {
                    heard = "white from frame " + white + ", black from " + black + ": clicks at frames " + string.Join(
                        ", ", ear.Clicks.ConvertAll(delegate(ulong seq) { return seq.ToString(); }).ToArray())
                        + "; left " + ear.LeftEnergy.ToString("f0") + ", right " + ear.RightEnergy.ToString("f0");
                    return ear.Clicks.Count == 2
                        && (long)ear.Clicks[0] >= white && (long)ear.Clicks[0] < black && (long)ear.Clicks[1] >= black
                        && ear.LeftEnergy > 1.05 * ear.RightEnergy; // the probe is louder on the left
                }
            }
        }

        private static void Show(RuntimeClient client, byte grey, int frames)
        {
            for (int i = 0; i < frames; i++)
            {
                Source.Send(client, grey);
                System.Threading.Thread.Sleep(33);
            }
        }
    }
}
