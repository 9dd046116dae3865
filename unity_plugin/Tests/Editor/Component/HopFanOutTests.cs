using System;
using System.Threading;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Component
{
    /// <summary>Listeners come and go on the main thread while hops come on the network's.</summary>
    public class HopFanOutTests
    {
        private sealed class Ear : IHopReceiver
        {
            public int Started;
            public int Hops;
            public int Ended;

            public void OnSessionStarted(Welcome welcome)
            {
                Started++;
            }

            public void OnHop(ref AudioHeader header, float[] samples)
            {
                Hops++;
            }

            public void OnSessionEnded()
            {
                Ended++;
            }
        }

        /// <summary>Throws wherever it is told to.</summary>
        private sealed class Broken : IHopReceiver
        {
            public string Where;
            public int Calls;

            public void OnSessionStarted(Welcome welcome)
            {
                Note("started");
            }

            public void OnHop(ref AudioHeader header, float[] samples)
            {
                Note("hop");
            }

            public void OnSessionEnded()
            {
                Note("ended");
            }

            private void Note(string where)
            {
                Calls++;
                if (where == Where)
                {
                    throw new InvalidOperationException(where);
                }
            }
        }

        [TestCase("started", 1)]
        [TestCase("hop", 2)]
        [TestCase("ended", 4)]
        public void Who_throws_is_taken_off_and_the_others_go_on(string where, int calls)
        {
            HopFanOut hops = new HopFanOut();
            Broken broken = new Broken();
            Ear after = new Ear();
            broken.Where = where;
            hops.Add(broken);
            hops.Add(after);
            AudioHeader header = new AudioHeader();
            hops.OnSessionStarted(AnyWelcome());
            hops.OnHop(ref header, new float[2]);
            hops.OnHop(ref header, new float[2]);
            hops.OnSessionEnded();
            hops.OnSessionStarted(AnyWelcome());
            Assert.That(broken.Calls, Is.EqualTo(calls));
            Assert.That(after.Started, Is.EqualTo(2));
            Assert.That(after.Hops, Is.EqualTo(2));
            Assert.That(after.Ended, Is.EqualTo(1));
            Assert.That(hops.TakeFailure().Message, Is.EqualTo(where));
            Assert.That(hops.TakeFailure(), Is.Null, "told once");
        }

        private static Welcome AnyWelcome()
        {
            byte[] data = GoldenWelcome();
            return Welcome.Parse(data, 1, data.Length - 1);
        }

        private static byte[] GoldenWelcome()
        {
            return Protocol.GoldenMessages.Bytes("welcome");
        }

        [Test]
        public void Who_comes_late_hears_that_a_session_is_open()
        {
            HopFanOut hops = new HopFanOut();
            Ear early = new Ear(), late = new Ear(), later = new Ear();
            hops.Add(early);
            hops.OnSessionStarted(AnyWelcome());
            hops.Add(late);
            Assert.That(early.Started + late.Started, Is.EqualTo(2));
            hops.Remove(early);
            hops.Remove(early);
            hops.OnSessionEnded();
            Assert.That(early.Ended, Is.EqualTo(0));
            Assert.That(late.Ended, Is.EqualTo(1));
            hops.Add(later);
            Assert.That(later.Started, Is.EqualTo(0));
        }

        [Test]
        public void Adding_and_removing_while_hops_come_loses_nobody()
        {
            HopFanOut hops = new HopFanOut();
            Ear constant = new Ear();
            hops.Add(constant);
            const int Count = 200000;
            Thread network = new Thread(delegate()
            {
                AudioHeader header = new AudioHeader();
                float[] samples = new float[2];
                for (int i = 0; i < Count; i++)
                {
                    hops.OnHop(ref header, samples);
                }
            });
            network.Start();
            while (network.IsAlive)
            {
                Ear passing = new Ear();
                hops.Add(passing);
                hops.Remove(passing);
            }
            network.Join();
            Assert.That(constant.Hops, Is.EqualTo(Count));
        }
    }
}
