using UnityEditor;
using UnityEngine;

namespace SoundReactor.Editor
{
    /// <summary>Inspector of the source: with a level meter.</summary>
    [CustomEditor(typeof(SoundReactorSource))]
    public sealed class SoundReactorSourceEditor : UnityEditor.Editor
    {
        /// <summary>Draw it.</summary>
        public override void OnInspectorGUI()
        {
            DrawDefaultInspector();
            if (Application.isPlaying)
            {
                LiveFigures.DrawPlayer(((SoundReactorSource)target).Player);
            }
            else
            {
                MistakeBoxes.Draw();
            }
        }

        /// <summary>The meter moves while the game plays.</summary>
        public override bool RequiresConstantRepaint()
        {
            return Application.isPlaying;
        }
    }
}
