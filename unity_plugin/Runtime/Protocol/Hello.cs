namespace SoundReactor.Protocol
{
    /// <summary>The first message of a connection: asks for a session.</summary>
    public sealed class Hello
    {
        /// <summary>The protocol version that this client speaks.</summary>
        public const int ProtocolMajor = 1;
        /// <summary>Minor version: only ever adds.</summary>
        public const int ProtocolMinor = 0;

        /// <summary>The runtime's token.</summary>
        public string Token = "";
        /// <summary>Major protocol version to claim; tests change it.</summary>
        public int Protocol = ProtocolMajor;
        /// <summary>What the runtime's log calls this client, at most 64 characters.</summary>
        public string Client = "";
        /// <summary>The client's version, at most 32 characters.</summary>
        public string ClientVersion = "";
        /// <summary>0: live. 1 to 240: lockstep with this many steps per second.</summary>
        public double LockstepFps;
        /// <summary>Who plays the sound.</summary>
        public PlayTarget Play = PlayTarget.Engine;
        /// <summary>How samples travel.</summary>
        public AudioFormat Audio = AudioFormat.Float32;
        /// <summary>Seed of the model's noise, not negative.</summary>
        public long Seed;

        /// <summary>Write the message.</summary>
        public void Write(MessagePackWriter writer)
        {
            writer.Begin(MessageKind.Hello);
            writer.Text("token", Token);
            writer.Integer("protocol", Protocol);
            writer.Integer("protocol_minor", ProtocolMinor);
            writer.Text("client", Client);
            writer.Text("client_version", ClientVersion);
            writer.Text("mode", LockstepFps > 0 ? "lockstep" : "live");
            writer.Number("fps", LockstepFps);
            writer.Text("play", NameOf(Play));
            writer.Text("audio", Audio == AudioFormat.Float32 ? "float32" : "int16");
            writer.Integer("seed", Seed);
        }

        /// <summary>Return the protocol's word for a target.</summary>
        public static string NameOf(PlayTarget play)
        {
            switch (play)
            {
                case PlayTarget.Runtime: return "runtime";
                case PlayTarget.Both: return "both";
                default: return "engine";
            }
        }
    }
}
