namespace SoundReactor.Protocol
{
    /// <summary>What the connection is doing. Four of these are failures, kept apart since their cures differ.</summary>
    public enum LinkState
    {
        /// <summary>Not started, or disposed.</summary>
        Closed,
        /// <summary>On the way.</summary>
        Connecting,
        /// <summary>Failure: no program accepts the connection. Start the runtime, check the port.</summary>
        NobodyListens,
        /// <summary>Failure: something accepts, but says nothing. Another program owns the port, or the runtime hangs.</summary>
        Silent,
        /// <summary>Failure: the runtime said no; <see cref="RuntimeClient.Refusal"/> says why.</summary>
        Refused,
        /// <summary>Failure: there is a session, but frames were refused within the last second.</summary>
        FramesRejected,
        /// <summary>There is a session and all is well.</summary>
        Running
    }
}
