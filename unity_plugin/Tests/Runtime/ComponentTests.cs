using System.Collections;
using NUnit.Framework;
using SoundReactor.Protocol;
using UnityEngine;
using UnityEngine.TestTools;

namespace SoundReactor.Tests
{
    /// <summary>PlayMode: the components in a running player, without a runtime. For Unity's own Test Runner.</summary>
    public class ComponentTests
    {
        private GameObject _object;

        [TearDown]
        public void DestroyObject()
        {
            Object.Destroy(_object);
        }

        [UnityTest]
        public IEnumerator A_link_without_a_runtime_says_so_and_blocks_nothing()
        {
            _object = new GameObject("link");
            SoundReactorLink link = _object.AddComponent<SoundReactorLink>();
            link.Endpoint = "tcp://127.0.0.1:9"; // the discard port: nobody listens
            link.Token = "any";
            link.Connect();
            float longest = 0f;
            for (float start = Time.realtimeSinceStartup; Time.realtimeSinceStartup - start < 3f;)
            {
                yield return null;
                longest = Mathf.Max(longest, Time.unscaledDeltaTime);
            }
            Assert.That(link.State, Is.EqualTo(LinkState.NobodyListens));
            Assert.That(link.Advice.Contains("sr-runtime serve"));
            Assert.That(longest, Is.LessThan(0.5f));
        }

        [UnityTest]
        public IEnumerator Disabling_and_enabling_a_hundred_times_leaves_the_link_working()
        {
            _object = new GameObject("link");
            SoundReactorLink link = _object.AddComponent<SoundReactorLink>();
            for (int i = 0; i < 100; i++)
            {
                link.enabled = false;
                Assert.That(link.Client, Is.Null);
                link.enabled = true;
                Assert.That(link.Client, Is.Not.Null);
            }
            yield return null;
        }

        [UnityTest]
        public IEnumerator A_source_is_asked_for_sound_by_the_mixer()
        {
            _object = new GameObject("source");
            _object.AddComponent<AudioListener>();
            SoundReactorSource source = _object.AddComponent<SoundReactorSource>();
            for (float start = Time.realtimeSinceStartup; Time.realtimeSinceStartup - start < 2f;)
            {
                yield return null;
            }
            Assert.That(source.Player.OutputChannels, Is.GreaterThan(0));
            Assert.That(source.Player.Underruns, Is.EqualTo(0));
        }

        [UnityTest]
        public IEnumerator A_source_finds_a_link_that_comes_later()
        {
            _object = new GameObject("source");
            SoundReactorSource source = _object.AddComponent<SoundReactorSource>();
            yield return null;
            Assert.That(source.Link == null);
            SoundReactorLink link = _object.AddComponent<SoundReactorLink>();
            for (float start = Time.realtimeSinceStartup; Time.realtimeSinceStartup - start < 2f;)
            {
                yield return null;
            }
            Assert.That(source.Link == link);
        }

        [UnityTest]
        public IEnumerator A_camera_without_a_session_captures_nothing_and_survives_being_destroyed()
        {
            _object = new GameObject("camera");
            _object.AddComponent<Camera>();
            SoundReactorCamera camera = _object.AddComponent<SoundReactorCamera>();
            yield return null;
            yield return null;
            Assert.That(camera.Picture, Is.Null);
            Assert.That(camera.PicturesDropped, Is.EqualTo(0));
        }
    }
}
