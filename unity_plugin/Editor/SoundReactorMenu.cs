using UnityEditor;
using UnityEngine;

namespace SoundReactor.Editor
{
    /// <summary>GameObject > SoundReactor: adds the components, with undo.</summary>
    public static class SoundReactorMenu
    {
        private const string Root = "GameObject/SoundReactor/";
        private const int Priority = 10; // where Unity's own objects are

        /// <summary>Add link and source, and the camera component to the main camera.</summary>
        [MenuItem(Root + "Complete Set-up", false, Priority)]
        public static void AddAll()
        {
            GameObject made = Make("SoundReactor");
            Undo.AddComponent<SoundReactorLink>(made);
            Undo.AddComponent<SoundReactorSource>(made);
            Camera camera = Camera.main;
            if (camera == null)
            {
                EditorUtility.DisplayDialog(
                    "SoundReactor", "No camera is tagged MainCamera: add the SoundReactor Camera component to yours.", "OK");
            }
            else if (camera.GetComponent<SoundReactorCamera>() == null)
            {
                Undo.AddComponent<SoundReactorCamera>(camera.gameObject);
            }
            Selection.activeGameObject = made;
        }

        /// <summary>Add a link.</summary>
        [MenuItem(Root + "Link", false, Priority + 1)]
        public static void AddLink()
        {
            GameObject made = Make("SoundReactor Link");
            Undo.AddComponent<SoundReactorLink>(made);
            Selection.activeGameObject = made;
        }

        /// <summary>Add a source.</summary>
        [MenuItem(Root + "Source", false, Priority + 2)]
        public static void AddSource()
        {
            GameObject made = Make("SoundReactor Source");
            Undo.AddComponent<SoundReactorSource>(made);
            Selection.activeGameObject = made;
        }

        private static GameObject Make(string name)
        {
            GameObject made = new GameObject(name);
            Undo.RegisterCreatedObjectUndo(made, "Create " + name);
            return made;
        }
    }
}
