using NUnit.Framework;
using SoundReactor.Capture;

namespace SoundReactor.Tests.Capture
{
    /// <summary>The halvings between a screen and the model's picture.</summary>
    public class ShrinkPlanTests
    {
        [TestCase(1920, 1080, 3)]
        [TestCase(3840, 2160, 4)]
        [TestCase(1080, 2400, 4)]
        [TestCase(256, 256, 0)]
        [TestCase(257, 128, 0)]
        [TestCase(258, 128, 1)]
        [TestCase(128, 128, 0)]
        [TestCase(64, 64, 0)]
        [TestCase(16384, 16384, 6)]
        public void No_step_skips_a_pixel(int width, int height, int steps)
        {
            ShrinkPlan plan = new ShrinkPlan(width, height, 128, 128);
            int count = 0;
            int beforeWidth = width, beforeHeight = height;
            while (plan.Halve())
            {
                count++;
                Assert.That(beforeWidth, Is.LessThanOrEqualTo(2 * plan.Width));
                Assert.That(beforeHeight, Is.LessThanOrEqualTo(2 * plan.Height));
                beforeWidth = plan.Width;
                beforeHeight = plan.Height;
            }
            Assert.That(count, Is.EqualTo(steps));
            Assert.That(count, Is.LessThanOrEqualTo(ShrinkPlan.MaxSteps));
            Assert.That(beforeWidth, Is.LessThanOrEqualTo(257), "the last step at most halves");
        }
    }
}
