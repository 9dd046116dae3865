namespace SoundReactor.Protocol
{
    /// <summary>The first byte of every message on the wire.</summary>
    public enum MessageKind : byte
    {
        /// <summary>A picture, engine to runtime.</summary>
        Frame = 1,
        /// <summary>Sound, runtime to engine.</summary>
        Audio = 2,
        /// <summary>Asks for a session.</summary>
        Hello = 3,
        /// <summary>The session is open.</summary>
        Welcome = 4,
        /// <summary>Changes a session.</summary>
        Control = 5,
        /// <summary>How a session is doing, or the request to say so.</summary>
        Status = 6,
        /// <summary>A reading of the engine's clock.</summary>
        Ping = 7,
        /// <summary>The answer to a ping, with the runtime's clock.</summary>
        Pong = 8,
        /// <summary>Something was refused.</summary>
        Error = 9,
        /// <summary>The session ends.</summary>
        Bye = 10
    }
}
