using System;

namespace SoundReactor.Protocol
{
    /// <summary>The runtime's answer to hello: the session is open, and this is what the runtime is and wants.</summary>
    public sealed class Welcome
    {
        /// <summary>Number of the session; it stands in every frame.</summary>
        public uint Session { get; private set; }
        /// <summary>Major protocol version.</summary>
        public int Protocol { get; private set; }
        /// <summary>Minor protocol version.</summary>
        public int ProtocolMinor { get; private set; }
        /// <summary>Name of the runtime.</summary>
        public string Server { get; private set; }
        /// <summary>Version of the runtime.</summary>
        public string ServerVersion { get; private set; }
        /// <summary>What the runtime can do, for example "rgba8".</summary>
        public string[] Capabilities { get; private set; }
        /// <summary>Width of the picture that the model sees.</summary>
        public int PictureWidth { get; private set; }
        /// <summary>Height of the picture that the model sees.</summary>
        public int PictureHeight { get; private set; }
        /// <summary>Samples per second.</summary>
        public int SampleRate { get; private set; }
        /// <summary>Samples per hop.</summary>
        public int HopSamples { get; private set; }
        /// <summary>Name of the model bundle.</summary>
        public string Bundle { get; private set; }
        /// <summary>Latency of the runtime's own output; 0 without one.</summary>
        public double LatencyMs { get; private set; }
        /// <summary>Frames per second that the runtime accepts.</summary>
        public double MaxFrameHz { get; private set; }
        /// <summary>Lockstep steps that may be unanswered.</summary>
        public int Window { get; private set; }
        /// <summary>Something for the user to know; may be empty.</summary>
        public string Notice { get; private set; }

        private Welcome()
        {
            Protocol = Hello.ProtocolMajor;
            Server = ServerVersion = Bundle = Notice = "";
            Capabilities = new string[0];
            PictureWidth = PictureHeight = 128;
            SampleRate = 48000;
            HopSamples = 1600;
            MaxFrameHz = 150;
            Window = 8;
        }

        /// <summary>Read the map behind the kind byte.</summary>
        /// <exception cref="WireException">It is malformed.</exception>
        public static Welcome Parse(byte[] data, int at, int length)
        {
            MessagePackReader reader = new MessagePackReader(data, at, length);
            Welcome welcome = new Welcome();
            bool hasSession = false;
            for (int keys = reader.MapHeader(); keys > 0; keys--)
            {
                TextSpan key = reader.Key();
                hasSession |= key.Is("session");
                welcome.Take(key, ref reader);
            }
            reader.End();
            if (!hasSession)
            {
                throw new WireException("welcome without the key 'session'");
            }
            return welcome;
        }

        private void Take(TextSpan key, ref MessagePackReader reader)
        {
            if (key.Is("session")) { Session = (uint)reader.Integer(0, uint.MaxValue); }
            else if (key.Is("protocol")) { Protocol = (int)reader.Integer(0, 65535); }
            else if (key.Is("protocol_minor")) { ProtocolMinor = (int)reader.Integer(0, 65535); }
            else if (key.Is("server")) { Server = reader.Text(); }
            else if (key.Is("server_version")) { ServerVersion = reader.Text(); }
            else if (key.Is("capabilities")) { Capabilities = Names(ref reader); }
            else if (key.Is("picture_width")) { PictureWidth = (int)reader.Integer(1, 1280); }
            else if (key.Is("picture_height")) { PictureHeight = (int)reader.Integer(1, 720); }
            else if (key.Is("sample_rate")) { SampleRate = (int)reader.Integer(1, 768000); }
            else if (key.Is("hop_samples")) { HopSamples = (int)reader.Integer(1, 65535); }
            else if (key.Is("bundle")) { Bundle = reader.Text(); }
            else if (key.Is("latency_ms")) { LatencyMs = reader.Number(); }
            else if (key.Is("max_frame_hz")) { MaxFrameHz = reader.Number(); }
            else if (key.Is("window")) { Window = (int)reader.Integer(1, 1024); }
            else if (key.Is("notice")) { Notice = reader.Text(); }
            else { reader.Skip(); }
        }

        private static string[] Names(ref MessagePackReader reader)
        {
            string[] names = new string[reader.ArrayHeader()];
            for (int i = 0; i < names.Length; i++)
            {
                names[i] = reader.Text();
            }
            return names;
        }

        /// <summary>Tell whether the runtime has a capability.</summary>
        public bool Can(string capability)
        {
            return Array.IndexOf(Capabilities, capability) >= 0;
        }
    }
}
