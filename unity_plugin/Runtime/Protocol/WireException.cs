using System;

namespace SoundReactor.Protocol
{
    /// <summary>Bytes that break the protocol. The message says what was expected and what came.</summary>
    public sealed class WireException : Exception
    {
        /// <summary>Create the exception with a message for people.</summary>
        public WireException(string message) : base(message)
        {
        }
    }
}
