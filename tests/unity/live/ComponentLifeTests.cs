using System;
using System.IO;
using System.Reflection;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>
    /// Link and recorder against the real runtime, called as Unity would call them. The engine's side are stubs that do
    /// nothing, so this says that the components' own logic works, not that the engine calls them so.
    /// </summary>
    [TestFixture]
    public class ComponentLifeTests
    {
        private static void Call(object component, string message)
        {
            MethodInfo method = component.GetType().GetMethod(message, BindingFlags.NonPublic | BindingFlags.Instance);
            method.Invoke(component, null);
        }

        private static SoundReactorLink LinkTo(LiveRuntime runtime)
        {
            SoundReactorLink link = new SoundReactorLink();
            link.Endpoint = " " + runtime.File.Endpoint + " ";
            link.Token = runtime.File.Token;
            link.Guidance = 2.5f;
            link.Nfe = 2;
            return link;
        }

        private static bool Updates(SoundReactorLink link, Func<bool> isTrue)
        {
            return Wait.Until(delegate { Call(link, "Update"); return isTrue(); }, 30000);
        }

        [Test]
        public void A_link_lives_as_long_as_it_is_enabled_and_sends_its_settings()
        {
            using (LiveRuntime runtime = new LiveRuntime("probe"))
            {
                SoundReactorLink link = LinkTo(runtime);
                for (int i = 0; i < 3; i++)
                {
                    Call(link, "OnEnable");
                    Assert.That(Updates(link, delegate { return link.State == LinkState.Running; }), link.Advice);
                    Assert.That(link.Advice, Is.EqualTo(""));
                    Assert.That(link.Session.Bundle, Is.EqualTo("probe"));
                    Assert.That(Updates(link, delegate
                    {
                        return link.Client.ReadStatus(delegate(RuntimeStatus s) { return s.Guidance == 2.5 && s.Nfe == 2; });
                    }));
                    link.ResetSession();
                    Call(link, "OnDisable");
                    Assert.That(link.State, Is.EqualTo(LinkState.Closed));
                    Assert.That(link.Client, Is.Null);
                    Assert.That(link.Session, Is.Null);
                }
                runtime.Kill();
                Call(link, "OnEnable");
                Assert.That(Updates(link, delegate { return link.State == LinkState.NobodyListens; }));
                Assert.That(link.Advice.Contains("sr-runtime serve"), link.Advice);
                Call(link, "OnDisable");
            }
        }

        [Test]
        public void A_take_has_the_sound_that_came()
        {
            string path = Path.Combine(Path.GetTempPath(), "sr-take-" + Guid.NewGuid().ToString("N") + ".wav");
            try
            {
                using (LiveRuntime runtime = new LiveRuntime("probe"))
                {
                    SoundReactorLink link = LinkTo(runtime);
                    SoundReactorRecorder recorder = new SoundReactorRecorder();
                    recorder.Link = link;
                    Call(link, "OnEnable");
                    Assert.That(Updates(link, delegate { return link.State == LinkState.Running; }), link.Advice);
                    Assert.That(recorder.StartRecording(path), Is.EqualTo(path));
                    Assert.That(recorder.IsRecording);
                    Assert.That(Updates(link, delegate
                    {
                        Source.Send(link.Client, 90);
                        System.Threading.Thread.Sleep(20);
                        Call(recorder, "Update");
                        return recorder.Seconds > 0.5;
                    }));
                    Call(recorder, "OnDisable");
                    Assert.That(!recorder.IsRecording);
                    Call(link, "OnDisable");
                }
                long bytes = new FileInfo(path).Length;
                Assert.That(bytes, Is.GreaterThan(44 + 4 * 24000));
                Assert.That((bytes - 44) % 6400, Is.EqualTo(0), "whole hops");
            }
            finally
            {
                File.Delete(path);
            }
        }
    }
}
