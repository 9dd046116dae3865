using System;
using System.Collections.Generic;
using System.Globalization;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Protocol
{
    /// <summary>The golden messages of the protocol, shared with every other client.</summary>
    public class GoldenMessagesTests
    {
        [Test]
        public void Every_message_of_the_runtime_is_read_as_its_json_says()
        {
            byte[] data = GoldenMessages.Bytes("welcome");
            Dictionary<string, string> json = GoldenMessages.Meaning("welcome");
            Welcome welcome = Welcome.Parse(data, 1, data.Length - 1);
            Same(json, "session", welcome.Session);
            Same(json, "protocol", welcome.Protocol);
            Same(json, "protocol_minor", welcome.ProtocolMinor);
            Same(json, "server", welcome.Server);
            Same(json, "server_version", welcome.ServerVersion);
            Same(json, "picture_width", welcome.PictureWidth);
            Same(json, "picture_height", welcome.PictureHeight);
            Same(json, "sample_rate", welcome.SampleRate);
            Same(json, "hop_samples", welcome.HopSamples);
            Same(json, "bundle", welcome.Bundle);
            Same(json, "latency_ms", welcome.LatencyMs);
            Same(json, "max_frame_hz", welcome.MaxFrameHz);
            Same(json, "window", welcome.Window);
            Same(json, "notice", welcome.Notice);
            Assert.That(welcome.Capabilities, Is.EqualTo(new[] { "rgb8", "float32", "live" }));
            Assert.That(welcome.Can("live") && !welcome.Can("jpeg"));
        }

        [Test]
        public void A_status_is_read_as_its_json_says()
        {
            byte[] data = GoldenMessages.Bytes("status");
            Dictionary<string, string> json = GoldenMessages.Meaning("status");
            RuntimeStatus status = new RuntimeStatus();
            status.Read(data, 1, data.Length - 1);
            Same(json, "session", status.Session);
            Same(json, "state", status.State);
            Same(json, "hop", status.Hop);
            Same(json, "frames_received", status.FramesReceived);
            Same(json, "frames_used", status.FramesUsed);
            Same(json, "frames_dropped", status.FramesDropped);
            Same(json, "hops_repeated", status.HopsRepeated);
            Same(json, "hops_skipped", status.HopsSkipped);
            Same(json, "hops_unsent", status.HopsUnsent);
            Same(json, "guidance", status.Guidance);
            Same(json, "nfe", status.Nfe);
            Same(json, "gain", status.Gain);
            Same(json, "mute", status.IsMuted);
            Same(json, "seed", status.Seed);
            Same(json, "play", status.Play);
            Same(json, "degraded", status.IsDegraded);
            Same(json, "sessions", status.Sessions);
            Same(json, "hop_ms_p50", status.HopMsP50);
            Same(json, "hop_ms_p99", status.HopMsP99);
            Same(json, "after_frame_ms_p50", status.AfterFrameMsP50);
            Same(json, "frame_age_ms_p50", status.FrameAgeMsP50);
            Same(json, "underruns", status.Underruns);
            Same(json, "gaps_ms", status.GapsMs);
            Same(json, "level_ms", status.LevelMs);
            Same(json, "ppm", status.Ppm);
            Same(json, "frame_to_sample_ms_p50", status.FrameToSampleMsP50);
            Same(json, "frame_to_sample_ms_p95", status.FrameToSampleMsP95);
            Same(json, "output", status.Output);
            Assert.That(status.FramesRejected, Is.EqualTo(2));
        }

        [TestCase("error")]
        [TestCase("error_fatal")]
        public void An_error_is_read_as_its_json_says(string name)
        {
            byte[] data = GoldenMessages.Bytes(name);
            Dictionary<string, string> json = GoldenMessages.Meaning(name);
            ErrorNotice error = ErrorNotice.Parse(data, 1, data.Length - 1);
            Same(json, "code", error.Code);
            Same(json, "expected", error.Expected);
            Same(json, "got", error.Got);
            Same(json, "fix", error.Fix);
            Same(json, "session", error.Session);
            Same(json, "seq", error.Seq);
            Same(json, "fatal", error.IsFatal);
        }

        [Test]
        public void A_pong_gives_offset_and_delay()
        {
            byte[] data = GoldenMessages.Bytes("pong");
            ClockReading reading = ClockReading.Parse(data, 1, data.Length - 1, -9000000000 + 5000);
            Assert.That(reading.DelayNs, Is.EqualTo(4000)); // 5000 on this clock less 1000 on the runtime's
            Assert.That(reading.OffsetNs, Is.EqualTo((1L << 62) + 500 + 9000000000 - 2500));
        }

        [Test]
        public void A_bye_is_read_and_written()
        {
            byte[] data = GoldenMessages.Bytes("bye");
            Assert.That(ByeNotice.ParseReason(data, 1, data.Length - 1), Is.EqualTo("closed by the client"));
            MessagePackWriter writer = new MessagePackWriter();
            ByeNotice.Write(writer, 7, "closed by the client");
            Assert.That(writer.ToArray(), Is.EqualTo(data));
        }

        [TestCase("audio_float32")]
        [TestCase("audio_int16")]
        public void Sound_is_read_as_its_json_says(string name)
        {
            byte[] data = GoldenMessages.Bytes(name);
            Dictionary<string, string> json = GoldenMessages.Meaning(name);
            AudioHeader header = AudioHeader.Parse(data, 0, data.Length);
            Same(json, "format", (int)header.Format);
            Same(json, "flags", (int)header.Flags);
            Same(json, "session", header.Session);
            Same(json, "hop", header.Hop);
            Same(json, "capture_ns", header.CaptureNs);
            Same(json, "samples", header.Samples);
            Same(json, "age_us", header.AgeUs);
            Same(json, "seq", header.Seq);
            float[] samples = new float[16];
            Assert.That(header.CopySamples(data, 0, samples), Is.EqualTo(16));
            double tolerance = header.Format == AudioFormat.Int16 ? 0.51 / 32767 : 0;
            for (int i = 0; i < 8; i++)
            {
                Assert.That(samples[2 * i], Is.EqualTo(i / 8f).Within(tolerance));
                Assert.That(samples[2 * i + 1], Is.EqualTo(-i / 8f).Within(tolerance));
            }
        }

        [TestCase("frame_rgb8")]
        [TestCase("frame_rgba8_bottom_up")]
        [TestCase("frame_lockstep_cut")]
        public void A_frame_header_is_written_byte_for_byte(string name)
        {
            Dictionary<string, string> json = GoldenMessages.Meaning(name);
            FrameHeader header = new FrameHeader();
            header.Format = (FrameFormat)Whole(json, "format");
            header.Flags = (FrameFlags)Whole(json, "flags");
            header.Session = (uint)Whole(json, "session");
            header.Seq = (ulong)Whole(json, "seq");
            header.CaptureNs = Whole(json, "capture_ns");
            header.Width = (int)Whole(json, "width");
            header.Height = (int)Whole(json, "height");
            header.PayloadBytes = (int)Whole(json, "payload_bytes");
            header.Step = (ulong)Whole(json, "step");
            byte[] written = new byte[FrameHeader.Bytes];
            header.Write(written, 0);
            byte[] expected = new byte[FrameHeader.Bytes];
            Array.Copy(GoldenMessages.Bytes(name), expected, expected.Length);
            Assert.That(written, Is.EqualTo(expected));
        }

        [Test]
        public void Hello_is_written_byte_for_byte()
        {
            Hello live = new Hello();
            live.Token = "golden-token-of-no-runtime";
            live.Client = "golden";
            live.ClientVersion = "1.2.3";
            live.Play = PlayTarget.Both;
            live.Seed = 42;
            Assert.That(Written(live), Is.EqualTo(GoldenMessages.Bytes("hello_live")));
            Hello lockstep = new Hello();
            lockstep.Token = "golden-token-of-no-runtime";
            lockstep.LockstepFps = 29.97;
            lockstep.Audio = AudioFormat.Int16;
            Assert.That(Written(lockstep), Is.EqualTo(GoldenMessages.Bytes("hello_lockstep")));
        }

        [Test]
        public void Control_is_written_byte_for_byte()
        {
            ControlChange some = new ControlChange();
            some.Guidance = 1.5;
            some.Mute = false;
            some.Reset = true;
            Assert.That(Written(some, 0x01020304), Is.EqualTo(GoldenMessages.Bytes("control_some")));
            ControlChange all = new ControlChange();
            all.Guidance = 0;
            all.Nfe = 4;
            all.Gain = 0.25;
            all.Mute = true;
            all.Seed = long.MaxValue;
            all.Reset = false;
            all.Pause = true;
            all.Play = PlayTarget.Runtime;
            Assert.That(Written(all, 7), Is.EqualTo(GoldenMessages.Bytes("control_all")));
        }

        [Test]
        public void Ping_and_status_request_are_written_byte_for_byte()
        {
            MessagePackWriter writer = new MessagePackWriter();
            writer.Begin(MessageKind.Ping);
            writer.Integer("session", 7);
            writer.Integer("t0_ns", -9000000000);
            Assert.That(writer.ToArray(), Is.EqualTo(GoldenMessages.Bytes("ping")));
            writer.Begin(MessageKind.Status);
            writer.Integer("session", 7);
            Assert.That(writer.ToArray(), Is.EqualTo(GoldenMessages.Bytes("status_request")));
        }

        private static byte[] Written(Hello hello)
        {
            MessagePackWriter writer = new MessagePackWriter();
            hello.Write(writer);
            return writer.ToArray();
        }

        private static byte[] Written(ControlChange change, uint session)
        {
            MessagePackWriter writer = new MessagePackWriter();
            change.Write(writer, session);
            return writer.ToArray();
        }

        private static long Whole(Dictionary<string, string> json, string key)
        {
            return long.Parse(json[key], CultureInfo.InvariantCulture);
        }

        private static void Same(Dictionary<string, string> json, string key, object got)
        {
            string expected = json[key];
            double number;
            if (got is bool)
            {
                Assert.That(expected, Is.EqualTo((bool)got ? "true" : "false"), key);
            }
            else if (got is double && double.TryParse(expected, NumberStyles.Float, CultureInfo.InvariantCulture, out number))
            {
                Assert.That(got, Is.EqualTo(number), key);
            }
            else
            {
                Assert.That(Convert.ToString(got, CultureInfo.InvariantCulture), Is.EqualTo(expected), key);
            }
        }
    }
}
