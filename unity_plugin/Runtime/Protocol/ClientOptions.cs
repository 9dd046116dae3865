namespace SoundReactor.Protocol
{
    /// <summary>What a <see cref="RuntimeClient"/> connects to, and as whom.</summary>
    public sealed class ClientOptions
    {
        /// <summary><c>tcp://host:port</c>; empty: ask the connection file, else the default endpoint.</summary>
        public string Endpoint = "";
        /// <summary>The runtime's token; empty: ask the connection file, anew at every attempt.</summary>
        public string Token = "";
        /// <summary>Path of the connection file; empty: the usual place.</summary>
        public string ConnectionFilePath = "";
        /// <summary>What to ask the runtime for. Its token is filled in.</summary>
        public Hello Hello = new Hello();
    }
}
