namespace SoundReactor.Protocol
{
    /// <summary>What a <see cref="Transport"/> tells the session above it. Thread: the transport's reader.</summary>
    internal interface ITransportOwner
    {
        /// <summary>Return where to connect now, asked before every attempt.</summary>
        Endpoint NextEndpoint();

        /// <summary>The handshake is done: say hello.</summary>
        void OnReady();

        /// <summary>A message of one part; the bytes are valid during the call only.</summary>
        void OnMessage(byte[] data, int at, int length);

        /// <summary>Called at least fifty times a second while connected.</summary>
        void OnTick();

        /// <summary>
        /// The connection ended, or could not be made; <paramref name="reason"/> is for people.
        /// <paramref name="hasAnswered"/>: something accepted it.
        /// </summary>
        void OnDisconnected(string reason, bool hasAnswered);
    }
}
