using SoundReactor;
using UnityEditor;
using UnityEngine;

namespace SoundReactor.Editor
{
    /// <summary>
    /// What the editor must do at the right moment: start the runtime before play mode, end threads before a domain
    /// reload, end the runtime with the editor. Nothing but subscriptions is static.
    /// </summary>
    [InitializeOnLoad]
    public static class EditorHooks
    {
        static EditorHooks()
        {
            EditorApplication.playModeStateChanged += OnPlayModeChanged;
            EditorApplication.quitting += RuntimeLauncher.Stop;
            AssemblyReloadEvents.beforeAssemblyReload += DisconnectAll;
        }

        private static void OnPlayModeChanged(PlayModeStateChange change)
        {
            if (change == PlayModeStateChange.ExitingEditMode && IsWanted() && !RuntimeLauncher.IsAnyRunning())
            {
                string failure = RuntimeLauncher.Start();
                if (failure.Length > 0)
                {
                    Debug.LogWarning("SoundReactor: " + failure + ". Set the command in Window > SoundReactor.");
                }
            }
        }

        private static bool IsWanted()
        {
            foreach (SoundReactorLink link in FindLinks())
            {
                if (link.isActiveAndEnabled && link.StartRuntimeInEditor && link.Endpoint.Length == 0)
                {
                    return true;
                }
            }
            return false;
        }

        /// <summary>A thread that lives on during a domain reload freezes the editor: end all of ours before it.</summary>
        private static void DisconnectAll()
        {
            foreach (SoundReactorLink link in FindLinks())
            {
                link.Disconnect();
            }
        }

        private static SoundReactorLink[] FindLinks()
        {
            return Object.FindObjectsByType<SoundReactorLink>(FindObjectsSortMode.None);
        }
    }
}
