using NUnit.Framework;
using SoundReactor.Audio;

namespace SoundReactor.Tests.Audio
{
    /// <summary>Stereo into 1 to 8 channels.</summary>
    public class ChannelLayoutTests
    {
        [TestCase(1, new[] { 0.5f })]
        [TestCase(2, new[] { 1f, 0f })]
        [TestCase(3, new[] { 1f, 0f, 0f })]
        [TestCase(4, new[] { 1f, 0f, 0.5f, 0f })]
        [TestCase(5, new[] { 1f, 0f, 0f, 0.5f, 0f })]
        [TestCase(6, new[] { 1f, 0f, 0f, 0f, 0.5f, 0f })]
        [TestCase(8, new[] { 1f, 0f, 0f, 0f, 0.5f, 0f, 0.5f, 0f })]
        public void Left_goes_where_left_belongs(int channels, float[] expected)
        {
            float[] data = new float[channels];
            ChannelLayout.Add(data, 0, channels, 1f, 0f, 0.5f);
            Assert.That(data, Is.EqualTo(expected));
        }
    }
}
