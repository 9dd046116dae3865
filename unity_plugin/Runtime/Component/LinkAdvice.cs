using SoundReactor.Protocol;

namespace SoundReactor
{
    /// <summary>What each state of the connection means and what to do about it, in words for the inspector and the log.</summary>
    public static class LinkAdvice
    {
        /// <summary>Return the advice; empty if there is nothing to do.</summary>
        public static string For(LinkState state, RuntimeClient client)
        {
            string failure = client == null ? "" : client.LastFailure;
            switch (state)
            {
                case LinkState.NobodyListens:
                    return "No connection: " + failure + ". If no runtime runs, start it in Window > SoundReactor or with "
                        + "'sr-runtime serve'; check that both name the same port.";
                case LinkState.Silent:
                    return "Something accepts the connection but does not answer" + In(failure)
                        + ". Another program may own the port, or the runtime hangs: look at its window.";
                case LinkState.Refused:
                    ErrorNotice refusal = client == null ? null : client.Refusal;
                    return "The runtime refuses: " + (refusal == null ? failure : refusal.ToString());
                case LinkState.FramesRejected:
                    return "The runtime refuses frames: " + (client == null ? null : client.LastError);
                default:
                    return "";
            }
        }

        private static string In(string failure)
        {
            return string.IsNullOrEmpty(failure) ? "" : " (" + failure + ")";
        }
    }
}
