namespace SoundReactor.Protocol
{
    /// <summary>What shall change in a session; what stays null stays as it is.</summary>
    public sealed class ControlChange
    {
        /// <summary>Guidance scale, 0 to 10.</summary>
        public double? Guidance;
        /// <summary>Evaluations of the head per hop, 1 to 64.</summary>
        public int? Nfe;
        /// <summary>Gain of the runtime's own output, 0 to 4.</summary>
        public double? Gain;
        /// <summary>Mute the runtime's own output.</summary>
        public bool? Mute;
        /// <summary>Seed of the noise.</summary>
        public long? Seed;
        /// <summary>Forget all frames and sound.</summary>
        public bool? Reset;
        /// <summary>Stop or go on generating.</summary>
        public bool? Pause;
        /// <summary>Who plays the sound.</summary>
        public PlayTarget? Play;

        /// <summary>Write the message.</summary>
        public void Write(MessagePackWriter writer, uint session)
        {
            writer.Begin(MessageKind.Control);
            writer.Integer("session", session);
            if (Guidance.HasValue) { writer.Number("guidance", Guidance.Value); }
            if (Nfe.HasValue) { writer.Integer("nfe", Nfe.Value); }
            if (Gain.HasValue) { writer.Number("gain", Gain.Value); }
            if (Mute.HasValue) { writer.Flag("mute", Mute.Value); }
            if (Seed.HasValue) { writer.Integer("seed", Seed.Value); }
            if (Reset.HasValue) { writer.Flag("reset", Reset.Value); }
            if (Pause.HasValue) { writer.Flag("pause", Pause.Value); }
            if (Play.HasValue) { writer.Text("play", Hello.NameOf(Play.Value)); }
        }
    }
}
