using System;
using System.Threading;
using NUnit.Framework;
using SoundReactor.Audio;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>What is allocated per frame and hop against the real runtime: nothing by us, a little by mono's sockets.</summary>
    [TestFixture]
    public class AllocationTests
    {
        /// <summary>Feeds a player, as the engine does, and notes what its thread has allocated.</summary>
        private sealed class Meter : IHopReceiver
        {
            private const int FirstCounted = 60;
            private readonly SoundPlayer _player;
            private long _atFirst;
            private long _atLast;
            private int _hops;
            private long _within;

            public Meter(SoundPlayer player)
            {
                _player = player;
            }

            public int Hops { get { return Volatile.Read(ref _hops); } }
            public int Counted { get { return _hops - FirstCounted; } }
            public long OnReader { get { return _atLast - _atFirst; } }
            public long WithinHandler { get { return _within; } }

            public void OnSessionStarted(Welcome welcome)
            {
                _player.SetSessionOpen(true);
            }

            public void OnHop(ref AudioHeader header, float[] samples)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                _player.Write(samples, header.Samples, (header.Flags & AudioFlags.FadeIn) != 0);
                long after = GC.GetAllocatedBytesForCurrentThread();
                if (_hops == FirstCounted)
                {
                    _atFirst = after;
                }
                _within += _hops >= FirstCounted ? after - before : 0;
                _atLast = after;
                Volatile.Write(ref _hops, _hops + 1);
            }

            public void OnSessionEnded()
            {
                _player.SetSessionOpen(false);
            }
        }

        [Test]
        public void Frames_and_hops_allocate_nothing_of_ours()
        {
            SoundPlayer player = new SoundPlayer();
            player.Configure(44100);
            Meter meter = new Meter(player);
            float[] block = new float[2 * 1024];
            using (LiveRuntime runtime = new LiveRuntime("probe"))
            using (RuntimeClient client = new RuntimeClient(runtime.Options(), meter))
            {
                client.Start();
                Wait.Until(delegate { return client.Welcome != null; }, 30000);
                Game(client, player, block, 90);
                long ours = long.MaxValue;
                for (int round = 0; round < 3; round++)
                {
                    // Mono counts in chunks of 4 KiB: one object a frame would show, one left-over of the start may, too.
                    long before = GC.GetAllocatedBytesForCurrentThread();
                    Game(client, player, block, 240);
                    ours = Math.Min(ours, GC.GetAllocatedBytesForCurrentThread() - before);
                }
                Console.WriteLine("allocated: engine's thread " + ours + " bytes in 240 frames; network's thread "
                    + meter.OnReader / Math.Max(1, meter.Counted) + " bytes a hop, sockets included");
                Assert.That(meter.Hops, Is.GreaterThan(60));
                Assert.That(ours, Is.EqualTo(0));
                Assert.That(meter.WithinHandler, Is.EqualTo(0));
                Assert.That(meter.OnReader / Math.Max(1, meter.Counted), Is.LessThan(4096));
            }
        }

        /// <summary>What a frame of the engine does: send a picture, look at state and figures, mix a block.</summary>
        private static int Game(RuntimeClient client, SoundPlayer player, float[] block, int frames)
        {
            int sent = 0;
            for (int i = 0; i < frames; i++)
            {
                sent += Source.Send(client, (byte)i) ? 1 : 0;
                LinkState state = client.State;
                ClientStatistics counted = client.Statistics;
                player.AddTo(block, 2);
                Thread.Sleep(state == LinkState.Running && counted.Sessions > 0 ? 10 : 11);
            }
            return sent;
        }

        [Test]
        public void Decoding_a_message_allocates_nothing()
        {
            Counter counter = new Counter();
            ZmtpDecoder decoder = new ZmtpDecoder(counter);
            Feed(decoder, Zmtp.Greeting());
            Feed(decoder, Zmtp.Ready());
            byte[] hop = AudioMessage();
            Feed(decoder, hop);
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++)
            {
                Feed(decoder, hop);
            }
            Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.EqualTo(0));
            Assert.That(counter.Samples, Is.EqualTo(1001 * 1600));
        }

        private static byte[] AudioMessage()
        {
            byte[] message = new byte[9 + 40 + 12800];
            Zmtp.WriteMessageHeader(message, 0, 40 + 12800);
            message[9] = (byte)MessageKind.Audio;
            message[10] = (byte)AudioFormat.Float32;
            message[9 + 24] = 1600 & 0xff;
            message[9 + 25] = 1600 >> 8;
            return message;
        }

        private static void Feed(ZmtpDecoder decoder, byte[] data)
        {
            for (int at = 0; at < data.Length;)
            {
                int count = Math.Min(Math.Min(5000, data.Length - at), decoder.Room);
                Buffer.BlockCopy(data, at, decoder.Buffer, decoder.WriteAt, count);
                decoder.Advance(count);
                at += count;
            }
        }

        private sealed class Counter : IZmtpListener
        {
            private readonly float[] _samples = new float[3200];
            public int Samples;

            public void OnGreeting()
            {
            }

            public void OnReady()
            {
            }

            public void OnPing(byte[] data, int contextAt, int contextLength)
            {
            }

            public void OnMessage(byte[] data, int at, int length)
            {
                AudioHeader header = AudioHeader.Parse(data, at, length);
                Samples += header.CopySamples(data, at, _samples) / 2;
            }
        }
    }
}
