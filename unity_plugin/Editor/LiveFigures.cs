using System.Globalization;
using SoundReactor.Audio;
using SoundReactor.Protocol;
using UnityEditor;
using UnityEngine;

namespace SoundReactor.Editor
{
    /// <summary>Draws what goes on while the game plays: connection, latency, drops, underruns, level.</summary>
    internal static class LiveFigures
    {
        private const float FloorDb = -60f;

        internal static void DrawLink(SoundReactorLink link)
        {
            EditorGUILayout.LabelField("Connection", link.State.ToString());
            string advice = link.Advice;
            if (advice.Length > 0)
            {
                EditorGUILayout.HelpBox(advice, MessageType.Error);
            }
            Welcome session = link.Session;
            if (session == null)
            {
                return;
            }
            EditorGUILayout.LabelField("Runtime", session.Server + " " + session.ServerVersion + ", bundle " + session.Bundle);
            if (session.Notice.Length > 0)
            {
                EditorGUILayout.HelpBox(session.Notice, MessageType.Info);
            }
            ClientStatistics counted = link.Statistics;
            EditorGUILayout.LabelField("Frame to sound arriving", Ms(counted.RoundTripMs));
            EditorGUILayout.LabelField("Age of frame at hop", Ms(counted.FrameAgeMs));
            EditorGUILayout.LabelField("Frames", counted.FramesCommitted + " sent, " + counted.FramesReplaced + " replaced");
            EditorGUILayout.LabelField("Hops", counted.Hops + " heard, " + counted.HopsMissing + " missing");
            EditorGUILayout.LabelField("Errors", counted.Errors + " refusals, " + counted.BadMessages + " bad messages");
            EditorGUILayout.LabelField("Sessions", counted.Sessions.ToString(CultureInfo.InvariantCulture));
            double hopMs = link.Client.ReadStatus(delegate(RuntimeStatus status) { return status.HopMsP50; });
            EditorGUILayout.LabelField("Computing a hop", Ms(hopMs) + " of 33.3 ms");
            bool isDegraded = link.Client.ReadStatus(delegate(RuntimeStatus status) { return status.IsDegraded; });
            if (isDegraded)
            {
                EditorGUILayout.HelpBox(
                    "The runtime is too slow for this machine and saves work. Lower Nfe, close other programs, or use a smaller bundle.",
                    MessageType.Warning);
            }
        }

        internal static void DrawPlayer(SoundPlayer player)
        {
            if (player == null)
            {
                return;
            }
            float db = player.Peak > 0f ? 20f * Mathf.Log10(player.Peak) : FloorDb;
            Rect place = EditorGUILayout.GetControlRect();
            EditorGUI.ProgressBar(place, Mathf.Clamp01(1f - db / FloorDb), db <= FloorDb ? "silent" : db.ToString("f0") + " dB");
            EditorGUILayout.LabelField("Waiting", Ms(player.WaitingMs));
            EditorGUILayout.LabelField("Underruns", player.Underruns + ", skips " + player.Skips + ", pauses " + player.Overflows);
            EditorGUILayout.LabelField("Speed", (player.Ppm >= 0f ? "+" : "") + player.Ppm.ToString("f0") + " ppm");
            if (player.OutputChannels == 0)
            {
                EditorGUILayout.HelpBox(
                    "Unity has not asked for sound yet: is the Audio Source enabled, is there an Audio Listener, is audio muted in the Game view?",
                    MessageType.Warning);
            }
        }

        private static string Ms(double value)
        {
            return value.ToString("f1", CultureInfo.InvariantCulture) + " ms";
        }
    }
}
