using System.Collections.Generic;
using UnityEditor;

namespace SoundReactor.Editor
{
    /// <summary>Shows the mistakes of the open scenes, in every inspector of ours and in the panel.</summary>
    internal static class MistakeBoxes
    {
        /// <summary>Draw a box for each; returns whether there is none.</summary>
        internal static bool Draw()
        {
            List<string> mistakes = SceneCheck.Run();
            foreach (string mistake in mistakes)
            {
                EditorGUILayout.HelpBox(mistake, MessageType.Warning);
            }
            return mistakes.Count == 0;
        }
    }
}
