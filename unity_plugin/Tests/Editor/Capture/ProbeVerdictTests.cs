using NUnit.Framework;
using SoundReactor.Capture;

namespace SoundReactor.Tests.Capture
{
    /// <summary>What is concluded from the known picture.</summary>
    public class ProbeVerdictTests
    {
        [TestCase(128, 255, true, false, true)]
        [TestCase(255, 128, true, true, true)]
        [TestCase(127, 255, true, false, true)]
        [TestCase(55, 255, true, false, false)] // decoded once too often
        [TestCase(255, 188, true, true, false)] // encoded once too often
        [TestCase(0, 0, false, false, false)]
        [TestCase(255, 255, false, false, false)]
        public void Rows_and_colour_are_told(int first, int last, bool isReadable, bool isTopFirst, bool isColourRight)
        {
            ProbeVerdict verdict = new ProbeVerdict(first, last);
            Assert.That(verdict.IsReadable, Is.EqualTo(isReadable));
            if (isReadable)
            {
                Assert.That(verdict.IsTopFirst, Is.EqualTo(isTopFirst));
                Assert.That(verdict.IsColourRight, Is.EqualTo(isColourRight));
            }
        }
    }
}
