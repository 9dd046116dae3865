using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Component
{
    /// <summary>Every failure has words of its own, since the cures differ.</summary>
    public class LinkAdviceTests
    {
        [TestCase(LinkState.NobodyListens, "sr-runtime serve")]
        [TestCase(LinkState.Silent, "Another program")]
        [TestCase(LinkState.Refused, "refuses")]
        [TestCase(LinkState.FramesRejected, "refuses frames")]
        public void A_failure_says_what_to_do(LinkState state, string words)
        {
            Assert.That(LinkAdvice.For(state, null).Contains(words), LinkAdvice.For(state, null));
            using (RuntimeClient client = new RuntimeClient(new ClientOptions(), null))
            {
                Assert.That(LinkAdvice.For(state, client).Contains(words));
            }
        }

        [TestCase(LinkState.Closed)]
        [TestCase(LinkState.Connecting)]
        [TestCase(LinkState.Running)]
        public void What_is_well_needs_no_advice(LinkState state)
        {
            Assert.That(LinkAdvice.For(state, null), Is.EqualTo(""));
        }
    }
}
