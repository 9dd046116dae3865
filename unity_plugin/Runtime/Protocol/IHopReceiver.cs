namespace SoundReactor.Protocol
{
    /// <summary>Takes sound as it comes. Thread: the client's reader; be quick, and allocate nothing.</summary>
    public interface IHopReceiver
    {
        /// <summary>A session is open; its sound starts anew.</summary>
        void OnSessionStarted(Welcome welcome);

        /// <summary>Sound: <c>2 · header.Samples</c> interleaved floats, valid during the call only.</summary>
        void OnHop(ref AudioHeader header, float[] samples);

        /// <summary>The session is gone; no more sound until the next one starts.</summary>
        void OnSessionEnded();
    }
}
