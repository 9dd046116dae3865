namespace SoundReactor.Protocol
{
    /// <summary>The codes of <see cref="ErrorNotice.Code"/>.</summary>
    public static class ErrorCode
    {
        /// <summary>Wrong token in hello.</summary>
        public const string BadToken = "bad_token";
        /// <summary>Another major protocol version.</summary>
        public const string VersionRefused = "version_refused";
        /// <summary>No room, or no computing time, for one more session.</summary>
        public const string ServerBusy = "server_busy";
        /// <summary>No such session on this connection.</summary>
        public const string UnknownSession = "unknown_session";
        /// <summary>The runtime failed.</summary>
        public const string Internal = "internal";
        /// <summary>A message that breaks the protocol.</summary>
        public const string BadHeader = "bad_header";
        /// <summary>A frame over 4 MiB or 1280×720.</summary>
        public const string FrameTooLarge = "frame_too_large";
        /// <summary>Under 16×16, or payload bytes that do not fit the size.</summary>
        public const string BadSize = "bad_size";
        /// <summary>A picture that cannot be decoded.</summary>
        public const string UnsupportedFormat = "unsupported_format";
        /// <summary>Too many frames or messages.</summary>
        public const string RateLimited = "rate_limited";
    }
}
