using NUnit.Framework;
using SoundReactor.Audio;

namespace SoundReactor.Tests.Audio
{
    /// <summary>Half an hour with two clocks, in an instant.</summary>
    public class LevelControlTests
    {
        [TestCase(0.0)]
        [TestCase(0.0001)]
        [TestCase(-0.0001)]
        [TestCase(0.004)]
        [TestCase(-0.004)]
        public void The_level_settles_at_its_target_and_the_speed_at_the_clocks_difference(double faster)
        {
            LevelControl control = new LevelControl(48000);
            control.SetBase(4000);
            control.Start(4000);
            double level = 4000, speed = 0, lowest = 4000;
            for (int i = 0; i < 30 * 60 * 47; i++)
            {
                speed = control.Update(level, 1024 / 48000.0);
                level += 1024 * (faster - speed);
                lowest = System.Math.Min(lowest, level);
            }
            Assert.That(level, Is.EqualTo(4000).Within(100));
            Assert.That(speed, Is.EqualTo(faster).Within(2e-6));
            Assert.That(lowest, Is.GreaterThan(2200));
        }

        [Test]
        public void Underruns_raise_the_target_to_a_limit_and_quiet_time_lowers_it()
        {
            LevelControl control = new LevelControl(48000);
            control.SetBase(4000);
            control.OnUnderrun();
            Assert.That(control.TargetFrames, Is.EqualTo(6000));
            for (int i = 0; i < 10; i++)
            {
                control.OnUnderrun();
            }
            Assert.That(control.TargetFrames, Is.EqualTo(12000));
            for (int i = 0; i < 60 * 100; i++)
            {
                control.Update(12000, 0.1);
            }
            Assert.That(control.TargetFrames, Is.EqualTo(4000));
        }
    }
}
