using System;
using System.IO;
using System.Threading;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>What the runtime has seen is, byte for byte, what was sent.</summary>
    [TestFixture]
    public class CapturedFramesTests
    {
        private const int Frames = 40;

        [Test]
        public void Every_frame_that_was_used_arrived_as_it_was_sent()
        {
            using (LiveRuntime runtime = new LiveRuntime("probe", true))
            {
                using (RuntimeClient client = new RuntimeClient(runtime.Options(), new Listener()))
                {
                    client.Start();
                    Wait.Until(delegate { return client.Welcome != null; }, 30000);
                    for (int i = 1; i <= Frames; i++)
                    {
                        Send(client, i);
                        Thread.Sleep(33);
                    }
                }
                runtime.Stop(); // and with it the writing of the capture
                int seen = 0;
                foreach (string file in Directory.GetFiles(runtime.CaptureFolder, "operations.bin", SearchOption.AllDirectories))
                {
                    seen += Check(File.ReadAllBytes(file));
                }
                Console.WriteLine("captured: " + seen + " of " + Frames + " frames, all as sent");
                Assert.That(seen, Is.GreaterThan(3));
            }
        }

        private static byte Pixel(long seq, int index)
        {
            return (byte)((31 * seq + index) % 251);
        }

        private static void Send(RuntimeClient client, int seq)
        {
            Welcome welcome = client.Welcome;
            int bytes = 4 * welcome.PictureWidth * welcome.PictureHeight;
            FrameBuffer frame = client.BeginFrame(welcome.PictureWidth, welcome.PictureHeight, FrameFormat.Rgba8, bytes);
            for (int i = 0; i < bytes; i++)
            {
                frame.Data[FrameBuffer.PixelsAt + i] = Pixel(seq, i);
            }
            client.CommitFrame(frame, FrameFlags.BottomUp, 1000000L * seq, 0);
        }

        /// <summary>Read operations: u32 length, u8 kind (1: a frame), payload; returns how many frames there are.</summary>
        private static int Check(byte[] operations)
        {
            int frames = 0;
            for (int at = 0; at < operations.Length;)
            {
                int length = BitConverter.ToInt32(operations, at);
                if (operations[at + 4] == 1)
                {
                    CheckFrame(operations, at + 5, length);
                    frames++;
                }
                at += 5 + length;
            }
            return frames;
        }

        private static void CheckFrame(byte[] data, int at, int length)
        {
            long seq = BitConverter.ToInt64(data, at + 8);
            Assert.That(data[at], Is.EqualTo((byte)MessageKind.Frame));
            Assert.That(data[at + 1], Is.EqualTo((byte)FrameFormat.Rgba8));
            Assert.That(BitConverter.ToUInt16(data, at + 2), Is.EqualTo((ushort)FrameFlags.BottomUp));
            Assert.That(BitConverter.ToInt64(data, at + 16), Is.EqualTo(1000000L * seq));
            Assert.That(BitConverter.ToInt32(data, at + 28), Is.EqualTo(length - FrameHeader.Bytes));
            int wrong = 0;
            for (int i = FrameHeader.Bytes; i < length; i++)
            {
                wrong += data[at + i] == Pixel(seq, i - FrameHeader.Bytes) ? 0 : 1;
            }
            Assert.That(wrong, Is.EqualTo(0), "frame " + seq);
        }
    }
}
