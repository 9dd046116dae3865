using System.Collections.Generic;
using NUnit.Framework;
using SoundReactor.Editor;
using SoundReactor.Protocol;
using UnityEngine;

namespace SoundReactor.Tests.Scene
{
    /// <summary>EditMode: the mistakes that the inspector must find. For Unity's own Test Runner.</summary>
    public class SceneCheckTests
    {
        private GameObject _object;

        [SetUp]
        public void MakeObject()
        {
            _object = new GameObject("SoundReactor");
        }

        [TearDown]
        public void DestroyObject()
        {
            Object.DestroyImmediate(_object);
        }

        private static bool Finds(string part)
        {
            List<string> found = SceneCheck.Run();
            return found.Exists(delegate(string text) { return text.Contains(part); });
        }

        [Test]
        public void An_empty_scene_lacks_everything()
        {
            Assert.That(Finds("no SoundReactor Link"));
            Assert.That(Finds("no SoundReactor Camera"));
            Assert.That(Finds("no SoundReactor Source"));
        }

        [Test]
        public void A_nonsense_endpoint_and_a_token_in_the_scene_are_named()
        {
            SoundReactorLink link = _object.AddComponent<SoundReactorLink>();
            link.Endpoint = "nonsense";
            link.Token = "secret";
            Assert.That(Finds("'nonsense'"));
            Assert.That(Finds("stored in the scene"));
        }

        [Test]
        public void A_source_that_waits_in_vain_is_named()
        {
            _object.AddComponent<SoundReactorLink>().Play = PlayTarget.Runtime;
            _object.AddComponent<SoundReactorSource>();
            Assert.That(Finds("stays silent"));
        }

        [Test]
        public void A_disabled_audio_source_is_named()
        {
            SoundReactorSource source = _object.AddComponent<SoundReactorSource>();
            source.GetComponent<AudioSource>().enabled = false;
            Assert.That(Finds("is disabled"));
        }

        [Test]
        public void A_project_that_stops_in_the_background_is_named()
        {
            bool before = Application.runInBackground;
            Application.runInBackground = false;
            Assert.That(Finds("Run In Background"));
            Application.runInBackground = before;
        }

        [Test]
        public void A_spatial_source_is_named()
        {
            SoundReactorSource source = _object.AddComponent<SoundReactorSource>();
            source.GetComponent<AudioSource>().spatialBlend = 1f;
            Assert.That(Finds("is spatial"));
        }
    }
}
