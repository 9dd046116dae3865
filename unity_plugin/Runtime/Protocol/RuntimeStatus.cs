namespace SoundReactor.Protocol
{
    /// <summary>How a session is doing, as the runtime says it twice a second.</summary>
    public sealed class RuntimeStatus
    {
        private string _state = "";
        private string _play = "";
        private string _output = "";

        /// <summary>Number of the session.</summary>
        public uint Session { get; private set; }
        /// <summary>"waiting", "running", "paused" or "idle".</summary>
        public string State { get { return _state; } }
        /// <summary>Who plays the sound.</summary>
        public string Play { get { return _play; } }
        /// <summary>Name of the runtime's sound device.</summary>
        public string Output { get { return _output; } }
        /// <summary>Frames that were refused, of all causes.</summary>
        public long FramesRejected { get; private set; }
        /// <summary>Evaluations of the head per hop.</summary>
        public int Nfe { get; private set; }
        /// <summary>Whether the runtime's own output is muted.</summary>
        public bool IsMuted { get; private set; }
        /// <summary>Whether the runtime saves work because it was late.</summary>
        public bool IsDegraded { get; private set; }
        /// <summary>Hops computed.</summary>
        public long Hop { get; private set; }
        /// <summary>Frames that arrived.</summary>
        public long FramesReceived { get; private set; }
        /// <summary>Frames that a hop saw.</summary>
        public long FramesUsed { get; private set; }
        /// <summary>Frames that a newer one replaced.</summary>
        public long FramesDropped { get; private set; }
        /// <summary>Hops without a new frame.</summary>
        public long HopsRepeated { get; private set; }
        /// <summary>Hops left out because the runtime was late.</summary>
        public long HopsSkipped { get; private set; }
        /// <summary>Hops not sent because this reader was too slow.</summary>
        public long HopsUnsent { get; private set; }
        /// <summary>Seed of the noise.</summary>
        public long Seed { get; private set; }
        /// <summary>Sessions that the runtime has.</summary>
        public long Sessions { get; private set; }
        /// <summary>Underruns of the runtime's own output.</summary>
        public long Underruns { get; private set; }
        /// <summary>Guidance scale.</summary>
        public double Guidance { get; private set; }
        /// <summary>Gain of the runtime's own output.</summary>
        public double Gain { get; private set; }
        /// <summary>Computing time of a hop, median.</summary>
        public double HopMsP50 { get; private set; }
        /// <summary>Computing time of a hop, 99th percentile.</summary>
        public double HopMsP99 { get; private set; }
        /// <summary>The part that cannot start before the frame is there, median.</summary>
        public double AfterFrameMsP50 { get; private set; }
        /// <summary>Age of the frame when its hop starts, median.</summary>
        public double FrameAgeMsP50 { get; private set; }
        /// <summary>Silence that underruns have caused.</summary>
        public double GapsMs { get; private set; }
        /// <summary>Sound waiting in the runtime's own output.</summary>
        public double LevelMs { get; private set; }
        /// <summary>Correction against the sound card's clock.</summary>
        public double Ppm { get; private set; }
        /// <summary>From capture to the runtime's own sound card, median.</summary>
        public double FrameToSampleMsP50 { get; private set; }
        /// <summary>The same, 95th percentile.</summary>
        public double FrameToSampleMsP95 { get; private set; }

        /// <summary>Read the map behind the kind byte into this object. Allocates nothing if no text changed.</summary>
        /// <exception cref="WireException">It is malformed; some values may have been taken.</exception>
        public void Read(byte[] data, int at, int length)
        {
            MessagePackReader reader = new MessagePackReader(data, at, length);
            for (int keys = reader.MapHeader(); keys > 0; keys--)
            {
                TextSpan key = reader.Key();
                if (!TakeText(key, ref reader) && !TakeCount(key, ref reader) && !TakeNumber(key, ref reader))
                {
                    reader.Skip();
                }
            }
            reader.End();
        }

        private bool TakeText(TextSpan key, ref MessagePackReader reader)
        {
            if (key.Is("state")) { reader.Text(ref _state); }
            else if (key.Is("play")) { reader.Text(ref _play); }
            else if (key.Is("output")) { reader.Text(ref _output); }
            else if (key.Is("mute")) { IsMuted = reader.Flag(); }
            else if (key.Is("degraded")) { IsDegraded = reader.Flag(); }
            else if (key.Is("frames_rejected")) { FramesRejected = Sum(ref reader); }
            else { return false; }
            return true;
        }

        private bool TakeCount(TextSpan key, ref MessagePackReader reader)
        {
            if (key.Is("session")) { Session = (uint)reader.Integer(0, uint.MaxValue); }
            else if (key.Is("nfe")) { Nfe = (int)reader.Integer(0, 64); }
            else if (key.Is("hop")) { Hop = reader.Integer(0, long.MaxValue); }
            else if (key.Is("frames_received")) { FramesReceived = reader.Integer(0, long.MaxValue); }
            else if (key.Is("frames_used")) { FramesUsed = reader.Integer(0, long.MaxValue); }
            else if (key.Is("frames_dropped")) { FramesDropped = reader.Integer(0, long.MaxValue); }
            else if (key.Is("hops_repeated")) { HopsRepeated = reader.Integer(0, long.MaxValue); }
            else if (key.Is("hops_skipped")) { HopsSkipped = reader.Integer(0, long.MaxValue); }
            else if (key.Is("hops_unsent")) { HopsUnsent = reader.Integer(0, long.MaxValue); }
            else if (key.Is("seed")) { Seed = reader.Integer(0, long.MaxValue); }
            else if (key.Is("sessions")) { Sessions = reader.Integer(0, long.MaxValue); }
            else if (key.Is("underruns")) { Underruns = reader.Integer(0, long.MaxValue); }
            else { return false; }
            return true;
        }

        private bool TakeNumber(TextSpan key, ref MessagePackReader reader)
        {
            if (key.Is("guidance")) { Guidance = reader.Number(); }
            else if (key.Is("gain")) { Gain = reader.Number(); }
            else if (key.Is("hop_ms_p50")) { HopMsP50 = reader.Number(); }
            else if (key.Is("hop_ms_p99")) { HopMsP99 = reader.Number(); }
            else if (key.Is("after_frame_ms_p50")) { AfterFrameMsP50 = reader.Number(); }
            else if (key.Is("frame_age_ms_p50")) { FrameAgeMsP50 = reader.Number(); }
            else if (key.Is("gaps_ms")) { GapsMs = reader.Number(); }
            else if (key.Is("level_ms")) { LevelMs = reader.Number(); }
            else if (key.Is("ppm")) { Ppm = reader.Number(); }
            else if (key.Is("frame_to_sample_ms_p50")) { FrameToSampleMsP50 = reader.Number(); }
            else if (key.Is("frame_to_sample_ms_p95")) { FrameToSampleMsP95 = reader.Number(); }
            else { return false; }
            return true;
        }

        private static long Sum(ref MessagePackReader reader)
        {
            long sum = 0;
            for (int codes = reader.MapHeader(); codes > 0; codes--)
            {
                reader.Key();
                sum += reader.Integer(0, 1L << 48);
            }
            return sum;
        }
    }
}
