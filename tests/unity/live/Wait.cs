using System;
using System.Threading;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>Waits for facts, never for times.</summary>
    public static class Wait
    {
        public static bool Until(Func<bool> isTrue, int patienceMs)
        {
            long start = MonotonicClock.NowNs;
            while (!isTrue())
            {
                if (MonotonicClock.MsSince(start) > patienceMs)
                {
                    return false;
                }
                Thread.Sleep(2);
            }
            return true;
        }
    }
}
