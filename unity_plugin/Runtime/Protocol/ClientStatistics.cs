namespace SoundReactor.Protocol
{
    /// <summary>Counters of a <see cref="RuntimeClient"/> since it was made.</summary>
    public struct ClientStatistics
    {
        /// <summary>Sessions opened: one more after every reconnect.</summary>
        public long Sessions;
        /// <summary>Frames handed over.</summary>
        public long FramesCommitted;
        /// <summary>Frames that a newer one replaced before they could leave.</summary>
        public long FramesReplaced;
        /// <summary>Hops that came.</summary>
        public long Hops;
        /// <summary>Hops missing between those that came, within one session.</summary>
        public long HopsMissing;
        /// <summary>Messages that broke the protocol.</summary>
        public long BadMessages;
        /// <summary>Refusals by the runtime, of all codes.</summary>
        public long Errors;
        /// <summary>From a frame's capture to the arrival of the hop that heard it: average of the last second.</summary>
        public double RoundTripMs;
        /// <summary>The runtime's age of the frame at hop start, the same average.</summary>
        public double FrameAgeMs;
    }
}
