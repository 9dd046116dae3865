using UnityEditor;
using UnityEditor.SceneManagement;
using UnityEngine;

namespace SoundReactor.Samples.Editor
{
    /// <summary>Tools > SoundReactor: the sample in one click.</summary>
    public static class RoomMenu
    {
        /// <summary>Make a new scene with the room in it and enter play mode.</summary>
        [MenuItem("Tools/SoundReactor/Play the First-Person Room")]
        public static void Play()
        {
            if (EditorApplication.isPlaying || !EditorSceneManager.SaveCurrentModifiedScenesIfUserWantsTo())
            {
                return;
            }
            EditorSceneManager.NewScene(NewSceneSetup.DefaultGameObjects, NewSceneMode.Single);
            Selection.activeGameObject = new GameObject("Room", typeof(Room));
            Camera.main.gameObject.AddComponent<SoundReactorCamera>();
            EditorApplication.isPlaying = true;
        }
    }
}
