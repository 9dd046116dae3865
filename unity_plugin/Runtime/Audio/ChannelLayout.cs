namespace SoundReactor.Audio
{
    /// <summary>Puts stereo sound into whatever the mixer has: 1 to 8 channels. Thread: audio.</summary>
    public static class ChannelLayout
    {
        /// <summary>
        /// Add one stereo frame to the frame at <paramref name="at"/>. Mono gets the mean; more than two channels get
        /// left and right in front, and <paramref name="surround"/> times them behind (quad: 2, 3; 5.0: 3, 4;
        /// 5.1 and 7.1: 4, 5, then 6, 7). Centre and low-frequency channels stay as they are.
        /// </summary>
        public static void Add(float[] data, int at, int channels, float left, float right, float surround)
        {
            if (channels == 1)
            {
                data[at] += 0.5f * (left + right);
                return;
            }
            data[at] += left;
            data[at + 1] += right;
            int behind = channels == 4 ? 2 : channels == 5 ? 3 : 4;
            for (int i = behind; i + 1 < channels; i += 2)
            {
                data[at + i] += surround * left;
                data[at + i + 1] += surround * right;
            }
        }
    }
}
