using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.Threading;
using SoundReactor.Audio;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Bench
{
    /// <summary>
    /// Plays a game at 60 pictures a second against a running runtime and prints figures as JSON.
    /// Arguments: connection file, seconds, dispose cycles.
    /// </summary>
    public static class Bench
    {
        private const double EngineHz = 60.0;

        /// <summary>Notes when each frame's first hop comes; plays the sound into a ring, as the engine does.</summary>
        private sealed class Ear : IHopReceiver
        {
            private readonly SoundPlayer _player;
            private readonly List<double> _roundTripMs = new List<double>(1 << 16);
            private ulong _seq;
            private long _firstBytes;
            public long ReaderBytes;
            public int Hops;
            /// <summary>Whether round trips count: not while the session warms up.</summary>
            public volatile bool IsMeasuring;

            public Ear(SoundPlayer player)
            {
                _player = player;
            }

            public void OnSessionStarted(Welcome welcome)
            {
                _player.SetSessionOpen(true);
            }

            public void OnHop(ref AudioHeader header, float[] samples)
            {
                _player.Write(samples, header.Samples, (header.Flags & AudioFlags.FadeIn) != 0);
                if (header.Seq != _seq)
                {
                    _seq = header.Seq;
                    Note(MonotonicClock.MsSince(header.CaptureNs));
                }
                Hops++;
                long bytes = GC.GetAllocatedBytesForCurrentThread();
                _firstBytes = Hops == 60 ? bytes : _firstBytes;
                ReaderBytes = bytes - _firstBytes;
            }

            public void OnSessionEnded()
            {
                _player.SetSessionOpen(false);
            }

            private void Note(double roundTripMs)
            {
                if (IsMeasuring)
                {
                    _roundTripMs.Add(roundTripMs);
                }
            }

            /// <summary>NaN if nothing came back: that is no round trip of 0 ms.</summary>
            public double Percentile(double part)
            {
                List<double> sorted = new List<double>(_roundTripMs);
                sorted.Sort();
                return sorted.Count == 0 ? double.NaN : sorted[(int)Math.Min(sorted.Count - 1, part * sorted.Count)];
            }
        }

        public static int Main(string[] arguments)
        {
            double seconds = double.Parse(arguments[1], CultureInfo.InvariantCulture);
            SoundPlayer player = new SoundPlayer();
            player.Configure(48000);
            Ear ear = new Ear(player);
            ClientOptions options = Options(arguments[0]);
            using (RuntimeClient client = new RuntimeClient(options, ear))
            {
                client.Start();
                if (!WaitForSession(client))
                {
                    Console.Error.WriteLine("no session: " + client.State + " " + client.LastFailure + client.LastError);
                    return 1;
                }
                float[] block = new float[2 * 800];
                SoundReactor.Capture.CapturePacer pacer = new SoundReactor.Capture.CapturePacer(30);
                Play(client, player, pacer, block, 2);
                ear.IsMeasuring = true;
                ClientStatistics before = client.Statistics;
                TimeSpan cpu = Process.GetCurrentProcess().TotalProcessorTime;
                long ours = GC.GetAllocatedBytesForCurrentThread();
                Stopwatch watch = Stopwatch.StartNew();
                Play(client, player, pacer, block, seconds);
                double elapsed = watch.Elapsed.TotalSeconds;
                ours = GC.GetAllocatedBytesForCurrentThread() - ours;
                cpu = Process.GetCurrentProcess().TotalProcessorTime - cpu;
                ear.IsMeasuring = false;
                ClientStatistics after = client.Statistics;
                long frames = Left(after) - Left(before);
                Print("seconds", elapsed);
                Print("frames_per_second", frames / elapsed);
                Print("hops_per_second", (after.Hops - before.Hops) / elapsed);
                Print("hops_missing", after.HopsMissing - before.HopsMissing);
                Print("frames_replaced", after.FramesReplaced - before.FramesReplaced);
                Print("frames_lost", Lost(client));
                Print("round_trip_ms_p50", ear.Percentile(0.50));
                Print("round_trip_ms_p95", ear.Percentile(0.95));
                Print("round_trip_ms_p99", ear.Percentile(0.99));
                Print("hop_ms_p50", client.ReadStatus(delegate(RuntimeStatus s) { return s.HopMsP50; }));
                Print("hop_ms_p99", client.ReadStatus(delegate(RuntimeStatus s) { return s.HopMsP99; }));
                Print("underruns", player.Underruns);
                Print("cpu_ms_per_frame", cpu.TotalMilliseconds / Math.Max(1, frames));
                Print("engine_thread_bytes_per_frame", (double)ours / Math.Max(1, frames));
                Print("network_thread_bytes_per_hop", (double)ear.ReaderBytes / Math.Max(1, ear.Hops - 60));
            }
            Print("dispose_ms_worst", WorstDispose(options, int.Parse(arguments[2])));
            Console.WriteLine("\"client\": \"mono\"}");
            return 0;
        }

        /// <summary>Frames that left: those that a newer one replaced did not.</summary>
        private static long Left(ClientStatistics counted)
        {
            return counted.FramesCommitted - counted.FramesReplaced;
        }

        /// <summary>Frames that left and that the runtime has not counted a second later: two statuses, by then.</summary>
        private static long Lost(RuntimeClient client)
        {
            Thread.Sleep(1200);
            return Left(client.Statistics) - client.ReadStatus(delegate(RuntimeStatus s) { return s.FramesReceived; });
        }

        private static ClientOptions Options(string connectionFile)
        {
            ClientOptions options = new ClientOptions();
            options.ConnectionFilePath = connectionFile;
            options.Hello.Client = "mono bench";
            return options;
        }

        private static bool WaitForSession(RuntimeClient client)
        {
            Stopwatch watch = Stopwatch.StartNew();
            while (client.Welcome == null && watch.Elapsed.TotalSeconds < 30)
            {
                Thread.Sleep(5);
            }
            return client.Welcome != null;
        }

        /// <summary>An engine at 60 Hz: every picture is offered, the pacer takes 30 a second; sound is mixed.</summary>
        private static void Play(
            RuntimeClient client, SoundPlayer player, SoundReactor.Capture.CapturePacer pacer, float[] block, double seconds)
        {
            pacer.Reset();
            Stopwatch watch = Stopwatch.StartNew();
            for (int i = 1; watch.Elapsed.TotalSeconds < seconds; i++)
            {
                if (pacer.IsDue(watch.Elapsed.TotalSeconds))
                {
                    Send(client, (byte)(i / 30 % 2 == 0 ? 20 : 230));
                }
                Array.Clear(block, 0, block.Length);
                player.AddTo(block, 2);
                double aheadMs = 1000.0 * (i / EngineHz - watch.Elapsed.TotalSeconds);
                if (aheadMs >= 1)
                {
                    Thread.Sleep((int)aheadMs);
                }
            }
        }

        private static void Send(RuntimeClient client, byte grey)
        {
            Welcome welcome = client.Welcome;
            if (welcome == null)
            {
                return;
            }
            int bytes = welcome.PictureWidth * welcome.PictureHeight * 4;
            FrameBuffer frame = client.BeginFrame(welcome.PictureWidth, welcome.PictureHeight, FrameFormat.Rgba8, bytes);
            if (frame != null)
            {
                for (int i = 0; i < bytes; i++)
                {
                    frame.Data[FrameBuffer.PixelsAt + i] = grey;
                }
                client.CommitFrame(frame, FrameFlags.BottomUp, MonotonicClock.NowNs, 0);
            }
        }

        private static double WorstDispose(ClientOptions options, int cycles)
        {
            double worstMs = 0;
            for (int i = 0; i < cycles; i++)
            {
                RuntimeClient client = new RuntimeClient(options, new Ear(new SoundPlayer()));
                client.Start();
                WaitForSession(client);
                Send(client, 50);
                Stopwatch watch = Stopwatch.StartNew();
                client.Dispose();
                worstMs = Math.Max(worstMs, watch.Elapsed.TotalMilliseconds);
            }
            return worstMs;
        }

        private static bool _hasBegun;

        private static void Print(string name, double value)
        {
            Console.WriteLine((_hasBegun ? "" : "{") + "\"" + name + "\": "
                + value.ToString("0.###", CultureInfo.InvariantCulture) + ",");
            _hasBegun = true;
        }
    }
}
