using System.Collections.Generic;
using SoundReactor.Protocol;
using UnityEditor;
using UnityEngine;

namespace SoundReactor.Editor
{
    /// <summary>Finds the mistakes that make a scene silent; each text says what to do.</summary>
    public static class SceneCheck
    {
        private const int LargeDspBuffer = 2048;

        /// <summary>Return what is wrong with the open scenes, worst first.</summary>
        public static List<string> Run()
        {
            List<string> found = new List<string>();
            SoundReactorLink[] links = Object.FindObjectsByType<SoundReactorLink>(FindObjectsSortMode.None);
            SoundReactorCamera[] cameras = Object.FindObjectsByType<SoundReactorCamera>(FindObjectsSortMode.None);
            SoundReactorSource[] sources = Object.FindObjectsByType<SoundReactorSource>(FindObjectsSortMode.None);
            CheckParts(found, links, cameras, sources);
            if (links.Length > 0)
            {
                CheckLink(found, links[0], sources);
            }
            foreach (SoundReactorSource source in sources)
            {
                CheckSource(found, source);
            }
            CheckProject(found);
            return found;
        }

        private static void CheckParts(
            List<string> found, SoundReactorLink[] links, SoundReactorCamera[] cameras, SoundReactorSource[] sources)
        {
            if (links.Length == 0)
            {
                found.Add("There is no SoundReactor Link: add one with GameObject > SoundReactor > Complete Set-up.");
            }
            if (links.Length > 1)
            {
                found.Add("There are " + links.Length + " SoundReactor Links. Each opens a session and costs computing time: keep one.");
            }
            if (cameras.Length == 0)
            {
                found.Add("There is no SoundReactor Camera: add the component to the camera that the player looks through.");
            }
            if (cameras.Length > 1)
            {
                found.Add("There are " + cameras.Length + " SoundReactor Cameras. They would send pictures by turns: keep one.");
            }
            if (sources.Length == 0 && (links.Length == 0 || links[0].Play != PlayTarget.Runtime))
            {
                found.Add("There is no SoundReactor Source, so nothing plays the sound: add one, or let the runtime play (Link > Play).");
            }
            if (Object.FindObjectsByType<AudioListener>(FindObjectsSortMode.None).Length == 0 && sources.Length > 0)
            {
                found.Add("There is no Audio Listener: Unity plays nothing without one. Cameras usually carry it.");
            }
        }

        private static void CheckLink(List<string> found, SoundReactorLink link, SoundReactorSource[] sources)
        {
            Endpoint endpoint;
            if (link.Endpoint.Length > 0 && !Endpoint.TryParse(link.Endpoint, out endpoint))
            {
                found.Add("The endpoint '" + link.Endpoint + "' is none: write it like " + ConnectionFile.DefaultEndpoint + ", or leave it empty.");
            }
            if (link.Endpoint.Length > 0 && link.Token.Length == 0)
            {
                found.Add("An endpoint without a token works only for a runtime of this machine: give the token of the other one.");
            }
            if (link.Token.Length > 0)
            {
                found.Add("The token is stored in the scene, readable by everyone who gets the project: leave it empty for a runtime of this machine.");
            }
            if (link.Play == PlayTarget.Runtime && sources.Length > 0)
            {
                found.Add("The runtime plays (Link > Play), so nothing comes back: the SoundReactor Source stays silent.");
            }
            if (link.Play == PlayTarget.Both && sources.Length > 0)
            {
                found.Add("Engine and runtime both play: you hear everything twice, a little apart.");
            }
        }

        private static void CheckSource(List<string> found, SoundReactorSource source)
        {
            AudioSource audio = source.GetComponent<AudioSource>();
            if (audio == null)
            {
                return;
            }
            if (!audio.enabled)
            {
                found.Add("The Audio Source of '" + source.name + "' is disabled, so Unity never asks for sound: enable it.");
            }
            if (audio.mute || audio.volume <= 0f || source.Volume <= 0f)
            {
                found.Add("'" + source.name + "' is mute or has no volume.");
            }
            if (audio.spatialBlend > 0f)
            {
                found.Add("The Audio Source of '" + source.name + "' is spatial. The generated sound is the whole scene's and stereo already: set Spatial Blend to 2D.");
            }
            if (audio.clip != null)
            {
                found.Add("The Audio Source of '" + source.name + "' has a clip: it is mixed with the generated sound.");
            }
        }

        private static void CheckProject(List<string> found)
        {
            if (EditorUtility.audioMasterMute)
            {
                found.Add("The Game view mutes audio: click its loudspeaker.");
            }
            if (AudioSettings.outputSampleRate == 0)
            {
                found.Add("Unity's audio is switched off: untick Project Settings > Audio > Disable Unity Audio.");
            }
            if (!Application.runInBackground)
            {
                found.Add("Picture and sound will stop while another window has the focus: tick Project Settings > Player > Run In Background.");
            }
            int length, count;
            AudioSettings.GetDSPBufferSize(out length, out count);
            if (length >= LargeDspBuffer)
            {
                found.Add("The DSP buffer has " + length + " samples, which adds latency: choose Project Settings > Audio > DSP Buffer Size > Good Latency.");
            }
            if (EditorUserBuildSettings.activeBuildTarget == BuildTarget.WebGL)
            {
                found.Add("The build target is WebGL, which has neither sockets nor threads: SoundReactor cannot run there.");
            }
        }
    }
}
