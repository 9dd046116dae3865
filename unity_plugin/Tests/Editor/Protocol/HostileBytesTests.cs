using System;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Protocol
{
    /// <summary>Whatever comes over the wire, only <see cref="WireException"/> comes out, and memory stays bounded.</summary>
    public class HostileBytesTests
    {
        private delegate void Parser(byte[] data, int at, int length);

        private static readonly string[] Names = { "welcome", "status", "error", "pong", "bye", "audio_float32", "audio_int16" };

        private static Parser ParserOf(string name)
        {
            switch (name)
            {
                case "welcome": return delegate(byte[] d, int a, int n) { Welcome.Parse(d, a + 1, n - 1); };
                case "status": return delegate(byte[] d, int a, int n) { new RuntimeStatus().Read(d, a + 1, n - 1); };
                case "error": return delegate(byte[] d, int a, int n) { ErrorNotice.Parse(d, a + 1, n - 1); };
                case "pong": return delegate(byte[] d, int a, int n) { ClockReading.Parse(d, a + 1, n - 1, 0); };
                case "bye": return delegate(byte[] d, int a, int n) { ByeNotice.ParseReason(d, a + 1, n - 1); };
                default:
                    return delegate(byte[] d, int a, int n)
                    {
                        AudioHeader header = AudioHeader.Parse(d, a, n);
                        header.CopySamples(d, a, new float[2 * header.Samples]);
                    };
            }
        }

        /// <summary>Parse, and return whether the bytes were accepted; any other exception fails the test.</summary>
        private static bool Accepts(Parser parse, byte[] data, int at, int length)
        {
            try
            {
                parse(data, at, length);
                return true;
            }
            catch (WireException error)
            {
                Assert.That(error.Message, Is.Not.Empty);
                return false;
            }
        }

        [Test]
        public void A_message_cut_anywhere_is_refused()
        {
            foreach (string name in Names)
            {
                byte[] whole = GoldenMessages.Bytes(name);
                Assert.That(Accepts(ParserOf(name), whole, 0, whole.Length), name);
                for (int length = 1; length < whole.Length; length++)
                {
                    // A copy of exactly this length: reading past the end would be an IndexOutOfRangeException.
                    byte[] cut = new byte[length];
                    Array.Copy(whole, cut, length);
                    Assert.That(!Accepts(ParserOf(name), cut, 0, length), name + " cut to " + length);
                }
            }
        }

        [Test]
        public void Mutated_messages_never_raise_anything_but_a_wire_exception()
        {
            Random random = new Random(5);
            int refused = 0;
            foreach (string name in Names)
            {
                byte[] whole = GoldenMessages.Bytes(name);
                Parser parse = ParserOf(name);
                for (int round = 0; round < 3000; round++)
                {
                    byte[] data = (byte[])whole.Clone();
                    for (int changes = random.Next(1, 5); changes > 0; changes--)
                    {
                        data[random.Next(1, data.Length)] = (byte)random.Next(256);
                    }
                    refused += Accepts(parse, data, 0, data.Length) ? 0 : 1;
                }
            }
            Assert.That(refused, Is.GreaterThan(1000));
        }

        [Test]
        public void Random_bytes_never_raise_anything_but_a_wire_exception()
        {
            Random random = new Random(6);
            for (int round = 0; round < 20000; round++)
            {
                byte[] data = new byte[random.Next(1, 200)];
                random.NextBytes(data);
                Accepts(ParserOf(Names[round % Names.Length]), data, 0, data.Length);
            }
        }

        [Test]
        public void Deep_nesting_is_refused_before_the_stack_ends()
        {
            byte[] data = new byte[16000];
            data[0] = (byte)MessageKind.Bye;
            data[1] = 0x81;
            data[2] = 0xa1;
            data[3] = (byte)'x';
            for (int i = 4; i < data.Length; i++)
            {
                data[i] = 0x91;
            }
            Assert.That(!Accepts(ParserOf("bye"), data, 0, data.Length));
        }

        [Test]
        public void Announced_lengths_are_not_believed()
        {
            byte[][] bombs =
            {
                new byte[] { 10, 0xdf, 0xff, 0xff, 0xff, 0xff },
                new byte[] { 10, 0x81, 0xdb, 0xff, 0xff, 0xff, 0xff },
                new byte[] { 4, 0x81, 0xac, (byte)'c', (byte)'a', (byte)'p', (byte)'a', (byte)'b', (byte)'i', (byte)'l',
                    (byte)'i', (byte)'t', (byte)'i', (byte)'e', (byte)'s', 0xdd, 0x7f, 0xff, 0xff, 0xff }
            };
            foreach (byte[] bomb in bombs)
            {
                Assert.That(!Accepts(ParserOf(bomb[0] == 4 ? "welcome" : "bye"), bomb, 0, bomb.Length));
            }
        }

        [Test]
        public void An_unknown_key_with_any_value_is_skipped()
        {
            byte[] data =
            {
                10, 0x83, 0xa1, (byte)'x', 0x92, 0x81, 0xa1, (byte)'y', 0xc0, 0xca, 0x3f, 0x80, 0, 0,
                0xa7, (byte)'s', (byte)'e', (byte)'s', (byte)'s', (byte)'i', (byte)'o', (byte)'n', 7,
                0xa6, (byte)'r', (byte)'e', (byte)'a', (byte)'s', (byte)'o', (byte)'n', 0xa2, (byte)'o', (byte)'k'
            };
            Assert.That(ByeNotice.ParseReason(data, 1, data.Length - 1), Is.EqualTo("ok"));
        }

        [Test]
        public void Samples_that_are_no_numbers_become_silence()
        {
            byte[] data = (byte[])GoldenMessages.Bytes("audio_float32").Clone();
            Array.Copy(BitConverter.GetBytes(float.NaN), 0, data, 40, 4);
            Array.Copy(BitConverter.GetBytes(float.PositiveInfinity), 0, data, 44, 4);
            AudioHeader header = AudioHeader.Parse(data, 0, data.Length);
            float[] samples = new float[16];
            header.CopySamples(data, 0, samples);
            Assert.That(samples[0], Is.EqualTo(0f));
            Assert.That(samples[1], Is.EqualTo(4f));
        }
    }
}
