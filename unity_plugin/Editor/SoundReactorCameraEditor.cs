using UnityEditor;
using UnityEngine;

namespace SoundReactor.Editor
{
    /// <summary>Inspector of the camera: with the picture as the model sees it, so that flips and colours show.</summary>
    [CustomEditor(typeof(SoundReactorCamera))]
    public sealed class SoundReactorCameraEditor : UnityEditor.Editor
    {
        private const float PreviewHeight = 128f;

        /// <summary>Draw it.</summary>
        public override void OnInspectorGUI()
        {
            DrawDefaultInspector();
            SoundReactorCamera camera = (SoundReactorCamera)target;
            if (!Application.isPlaying)
            {
                MistakeBoxes.Draw();
                return;
            }
            EditorGUILayout.LabelField("Pictures dropped", camera.PicturesDropped.ToString());
            if (!SystemInfo.supportsAsyncGPUReadback)
            {
                EditorGUILayout.HelpBox(
                    "This graphics API has no asynchronous read-back: every capture waits for the graphics card.", MessageType.Warning);
            }
            if (camera.Picture == null)
            {
                EditorGUILayout.HelpBox("No picture yet: the link has no session.", MessageType.Info);
                return;
            }
            Rect place = EditorGUILayout.GetControlRect(GUILayout.Height(PreviewHeight));
            bool isTurned = camera.Rows == PictureRows.TopFirst;
            GUI.DrawTextureWithTexCoords(
                place, camera.Picture, isTurned ? new Rect(0f, 1f, 1f, -1f) : new Rect(0f, 0f, 1f, 1f));
            EditorGUILayout.LabelField("The picture as the model sees it: upright, in the game's own colours.");
        }

        /// <summary>The picture moves while the game plays.</summary>
        public override bool RequiresConstantRepaint()
        {
            return Application.isPlaying;
        }
    }
}
