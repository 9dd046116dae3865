using UnityEditor;
using UnityEngine;

namespace SoundReactor.Editor
{
    /// <summary>Inspector of the link: settings, mistakes, live figures.</summary>
    [CustomEditor(typeof(SoundReactorLink))]
    public sealed class SoundReactorLinkEditor : UnityEditor.Editor
    {
        /// <summary>Draw it.</summary>
        public override void OnInspectorGUI()
        {
            DrawDefaultInspector();
            if (Application.isPlaying)
            {
                LiveFigures.DrawLink((SoundReactorLink)target);
                DrawLastWords();
            }
            else
            {
                MistakeBoxes.Draw();
            }
            if (GUILayout.Button("Open Window > SoundReactor"))
            {
                SoundReactorWindow.Open();
            }
        }

        private static void DrawLastWords()
        {
            string words = RuntimeLauncher.LastWords;
            if (words.Length > 0)
            {
                EditorGUILayout.HelpBox(words, MessageType.Error);
            }
        }

        /// <summary>Figures move while the game plays.</summary>
        public override bool RequiresConstantRepaint()
        {
            return Application.isPlaying;
        }
    }
}
