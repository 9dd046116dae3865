using System.Threading;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>A game that shows 30 pictures a second.</summary>
    public static class Source
    {
        public static bool Send(RuntimeClient client, byte grey)
        {
            Welcome welcome = client.Welcome;
            if (welcome == null)
            {
                return false;
            }
            int bytes = welcome.PictureWidth * welcome.PictureHeight * 4;
            FrameBuffer frame = client.BeginFrame(welcome.PictureWidth, welcome.PictureHeight, FrameFormat.Rgba8, bytes);
            if (frame == null)
            {
                return false;
            }
            for (int i = 0; i < bytes; i++)
            {
                frame.Data[FrameBuffer.PixelsAt + i] = grey;
            }
            client.CommitFrame(frame, FrameFlags.BottomUp, MonotonicClock.NowNs, 0);
            return true;
        }

        /// <summary>Send pictures at 30.0 a second until a time has passed; returns how many.</summary>
        public static int Play(RuntimeClient client, double seconds)
        {
            long start = MonotonicClock.NowNs;
            int sent = 0;
            for (int i = 1; MonotonicClock.MsSince(start) < 1000 * seconds; i++)
            {
                sent += Send(client, (byte)(i / 15 % 2 == 0 ? 30 : 220)) ? 1 : 0;
                double aheadMs = i * 1000.0 / 30 - MonotonicClock.MsSince(start);
                if (aheadMs > 0)
                {
                    Thread.Sleep((int)aheadMs);
                }
            }
            return sent;
        }
    }
}
