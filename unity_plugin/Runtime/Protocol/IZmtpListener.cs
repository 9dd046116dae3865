namespace SoundReactor.Protocol
{
    /// <summary>Hears what a <see cref="ZmtpDecoder"/> finds. The bytes are valid during the call only.</summary>
    public interface IZmtpListener
    {
        /// <summary>The peer's greeting has come and is right: READY is to be sent.</summary>
        void OnGreeting();

        /// <summary>The peer's READY has come: messages may be sent.</summary>
        void OnReady();

        /// <summary>A PING; its context of at most 16 bytes is to be sent back in a PONG.</summary>
        void OnPing(byte[] data, int contextAt, int contextLength);

        /// <summary>A message of one part.</summary>
        void OnMessage(byte[] data, int at, int length);
    }
}
