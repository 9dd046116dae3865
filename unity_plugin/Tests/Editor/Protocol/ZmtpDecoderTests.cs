using System;
using System.Collections.Generic;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Protocol
{
    /// <summary>The stream decoder: cut anywhere, hostile, and bounded.</summary>
    public class ZmtpDecoderTests
    {
        private sealed class Recorder : IZmtpListener
        {
            public readonly List<string> Heard = new List<string>();

            public void OnGreeting()
            {
                Heard.Add("greeting");
            }

            public void OnReady()
            {
                Heard.Add("ready");
            }

            public void OnPing(byte[] data, int contextAt, int contextLength)
            {
                Heard.Add("ping " + Convert.ToBase64String(data, contextAt, contextLength));
            }

            public void OnMessage(byte[] data, int at, int length)
            {
                Heard.Add("message " + length + " " + Convert.ToBase64String(data, at, Math.Min(length, 60)));
            }
        }

        private static byte[] Conversation()
        {
            List<byte> stream = new List<byte>(Zmtp.Greeting());
            stream.AddRange(Zmtp.Ready());
            stream.AddRange(new byte[] { 4, 9, 4, (byte)'P', (byte)'I', (byte)'N', (byte)'G', 0, 15, 1, 2 });
            AddMessage(stream, 3, 0);
            AddMessage(stream, 12840, 0);
            AddMessage(stream, 70000, 0); // more than the first buffer
            AddMessage(stream, 5, Zmtp.More); // a message of two parts is dropped
            AddMessage(stream, 6, 0);
            AddMessage(stream, 255, 0);
            AddMessage(stream, 256, 0);
            return stream.ToArray();
        }

        private static void AddMessage(List<byte> stream, int length, byte more)
        {
            byte[] header = new byte[9];
            int bytes = Zmtp.WriteMessageHeader(header, 0, length);
            header[0] |= more;
            for (int i = 0; i < bytes; i++)
            {
                stream.Add(header[i]);
            }
            for (int i = 0; i < length; i++)
            {
                stream.Add((byte)(i % 251));
            }
        }

        private static void Feed(ZmtpDecoder decoder, byte[] data, Func<int> slice)
        {
            for (int at = 0; at < data.Length;)
            {
                Assert.That(decoder.Room, Is.GreaterThan(0));
                int count = Math.Min(Math.Min(slice(), data.Length - at), decoder.Room);
                Array.Copy(data, at, decoder.Buffer, decoder.WriteAt, count);
                decoder.Advance(count);
                at += count;
            }
        }

        private static List<string> Heard(byte[] data, Func<int> slice)
        {
            Recorder recorder = new Recorder();
            Feed(new ZmtpDecoder(recorder), data, slice);
            return recorder.Heard;
        }

        [Test]
        public void A_stream_means_the_same_wherever_it_is_cut()
        {
            byte[] stream = Conversation();
            List<string> whole = Heard(stream, delegate { return stream.Length; });
            Assert.That(whole.Count, Is.EqualTo(8), string.Join("\n", whole.ToArray()));
            Assert.That(whole[0], Is.EqualTo("greeting"));
            Assert.That(whole[1], Is.EqualTo("ready"));
            Assert.That(whole[2], Is.EqualTo("ping " + Convert.ToBase64String(new byte[] { 1, 2 })));
            Assert.That(Heard(stream, delegate { return 1; }), Is.EqualTo(whole));
            Random random = new Random(1);
            for (int round = 0; round < 20; round++)
            {
                Assert.That(Heard(stream, delegate { return random.Next(1, 5000); }), Is.EqualTo(whole));
            }
        }

        [Test]
        public void Reset_forgets_a_half_message()
        {
            Recorder recorder = new Recorder();
            ZmtpDecoder decoder = new ZmtpDecoder(recorder);
            byte[] stream = Conversation();
            Feed(decoder, new List<byte>(stream).GetRange(0, 500).ToArray(), delegate { return 500; });
            decoder.Reset();
            recorder.Heard.Clear();
            Feed(decoder, stream, delegate { return 4096; });
            Assert.That(recorder.Heard.Count, Is.EqualTo(8));
            Assert.That(decoder.MultipartDropped, Is.EqualTo(1));
        }

        [Test]
        public void A_web_server_is_told_apart_at_its_first_byte()
        {
            WireException error = Assert.Throws<WireException>(
                delegate { Heard(new byte[] { (byte)'H', (byte)'T', (byte)'T', (byte)'P' }, delegate { return 4; }); });
            Assert.That(error.Message.Contains("another program"));
        }

        [Test]
        public void Another_mechanism_and_an_older_version_are_named()
        {
            byte[] curve = Zmtp.Greeting();
            Array.Copy(new byte[] { (byte)'C', (byte)'U', (byte)'R', (byte)'V', (byte)'E' }, 0, curve, 12, 5);
            WireException error = Assert.Throws<WireException>(delegate { Heard(curve, delegate { return 64; }); });
            Assert.That(error.Message.Contains("CURVE"));
            byte[] old = Zmtp.Greeting();
            old[10] = 1;
            error = Assert.Throws<WireException>(delegate { Heard(old, delegate { return 64; }); });
            Assert.That(error.Message.Contains("ZMTP 3"));
        }

        [Test]
        public void A_frame_of_a_tebibyte_is_refused_unread()
        {
            List<byte> stream = new List<byte>(Zmtp.Greeting());
            stream.AddRange(Zmtp.Ready());
            stream.AddRange(new byte[] { 2, 0, 0, 1, 0, 0, 0, 0, 0 });
            Assert.Throws<WireException>(delegate { Heard(stream.ToArray(), delegate { return 100; }); });
        }

        [Test]
        public void A_message_before_ready_is_refused()
        {
            List<byte> stream = new List<byte>(Zmtp.Greeting());
            AddMessage(stream, 5, 0);
            Assert.Throws<WireException>(delegate { Heard(stream.ToArray(), delegate { return 100; }); });
        }

        [Test]
        public void Mutated_streams_never_raise_anything_but_a_wire_exception()
        {
            byte[] whole = Conversation();
            Random random = new Random(2);
            for (int round = 0; round < 2000; round++)
            {
                byte[] data = (byte[])whole.Clone();
                for (int changes = random.Next(1, 6); changes > 0; changes--)
                {
                    data[random.Next(changes % 2 == 0 ? 140 : data.Length)] = (byte)random.Next(256);
                }
                ZmtpDecoder decoder = new ZmtpDecoder(new Recorder());
                try
                {
                    Feed(decoder, data, delegate { return random.Next(1, 30000); });
                }
                catch (WireException)
                {
                    // the only kind allowed
                }
                Assert.That(decoder.Buffer.Length, Is.LessThanOrEqualTo(ZmtpDecoder.MaxFrameBytes + Zmtp.MaxHeaderBytes));
            }
        }
    }
}
