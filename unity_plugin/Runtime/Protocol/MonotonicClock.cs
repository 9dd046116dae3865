using System.Diagnostics;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// The clock of every time stamp that this client sends: it never jumps, and its zero has no meaning.
    /// Thread: any.
    /// </summary>
    public static class MonotonicClock
    {
        /// <summary>Nanoseconds since an arbitrary moment.</summary>
        public static long NowNs
        {
            get
            {
                long ticks = Stopwatch.GetTimestamp();
                long seconds = ticks / Stopwatch.Frequency;
                long rest = ticks % Stopwatch.Frequency;
                return seconds * 1000000000L + rest * 1000000000L / Stopwatch.Frequency;
            }
        }

        /// <summary>Milliseconds since <paramref name="earlierNs"/>.</summary>
        public static double MsSince(long earlierNs)
        {
            return (NowNs - earlierNs) * 1e-6;
        }
    }
}
