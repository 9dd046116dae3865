using System;
using UnityEngine;

namespace UnityEditor
{
    // ScriptReference/Editor
    public class Editor : ScriptableObject
    {
        public UnityEngine.Object target { get { return null; } }
        public virtual void OnInspectorGUI() { }
        public virtual bool RequiresConstantRepaint() { return false; }
        public bool DrawDefaultInspector() { return false; }
    }

    // ScriptReference/CustomEditor
    public class CustomEditor : Attribute
    {
        public CustomEditor(Type inspectedType) { }
    }

    // ScriptReference/EditorWindow
    public class EditorWindow : ScriptableObject
    {
        public static T GetWindow<T>(string title) where T : EditorWindow { return null; }
        public void Repaint() { }
    }

    // ScriptReference/MenuItem
    public sealed class MenuItem : Attribute
    {
        public MenuItem(string itemName) { }
        public MenuItem(string itemName, bool isValidateFunction, int priority) { }
    }

    // ScriptReference/InitializeOnLoadAttribute
    public class InitializeOnLoadAttribute : Attribute { }

    // ScriptReference/EditorApplication
    public sealed class EditorApplication
    {
        public delegate void CallbackFunction();
        public static CallbackFunction update;
        public static bool isPlaying { get; set; }
#pragma warning disable 67
        public static event Action<PlayModeStateChange> playModeStateChanged;
        public static event Action quitting;
#pragma warning restore 67
    }

    // ScriptReference/PlayModeStateChange
    public enum PlayModeStateChange { ExitingEditMode }

    // ScriptReference/AssemblyReloadEvents
    public static class AssemblyReloadEvents
    {
        public delegate void AssemblyReloadCallback();
#pragma warning disable 67
        public static event AssemblyReloadCallback beforeAssemblyReload;
#pragma warning restore 67
    }

    // ScriptReference/SessionState
    public static class SessionState
    {
        public static void SetInt(string key, int value) { }
        public static int GetInt(string key, int defaultValue) { return 0; }
    }

    // ScriptReference/EditorPrefs
    public class EditorPrefs
    {
        public static string GetString(string key, string defaultValue) { return ""; }
        public static void SetString(string key, string value) { }
    }

    // ScriptReference/EditorGUILayout
    public sealed class EditorGUILayout
    {
        public static void HelpBox(string message, MessageType type) { }
        public static void LabelField(string label, params GUILayoutOption[] options) { }
        public static void LabelField(string label, GUIStyle style, params GUILayoutOption[] options) { }
        public static void LabelField(string label, string label2, params GUILayoutOption[] options) { }
        public static string TextField(string label, string text, params GUILayoutOption[] options) { return ""; }
        public static Rect GetControlRect(params GUILayoutOption[] options) { return new Rect(); }
        public static Vector2 BeginScrollView(Vector2 scrollPosition, params GUILayoutOption[] options) { return scrollPosition; }
        public static void EndScrollView() { }
    }

    // ScriptReference/EditorGUI
    public sealed class EditorGUI
    {
        public static void ProgressBar(Rect position, float value, string text) { }
    }

    // ScriptReference/EditorStyles
    public sealed class EditorStyles
    {
        public static GUIStyle boldLabel { get { return null; } }
    }

    // ScriptReference/MessageType
    public enum MessageType { None, Info, Warning, Error }

    // ScriptReference/Undo
    public class Undo
    {
        public static T AddComponent<T>(GameObject gameObject) where T : Component { return null; }
        public static void RegisterCreatedObjectUndo(UnityEngine.Object objectToUndo, string name) { }
    }

    // ScriptReference/Selection
    public sealed class Selection
    {
        public static GameObject activeGameObject { get; set; }
    }

    // ScriptReference/EditorUtility
    public class EditorUtility
    {
        public static bool audioMasterMute { get; set; }
        public static bool DisplayDialog(string title, string message, string ok) { return false; }
    }

    // ScriptReference/AssetDatabase
    public class AssetDatabase
    {
        public static void Refresh() { }
    }

    // ScriptReference/EditorUserBuildSettings
    public class EditorUserBuildSettings
    {
        public static BuildTarget activeBuildTarget { get { return default(BuildTarget); } }
    }

    // ScriptReference/BuildTarget
    public enum BuildTarget { WebGL }
}

namespace UnityEditor.SceneManagement
{
    // ScriptReference/SceneManagement.EditorSceneManager
    public sealed class EditorSceneManager
    {
        public static bool SaveCurrentModifiedScenesIfUserWantsTo() { return false; }
        public static UnityEngine.SceneManagement.Scene NewScene(NewSceneSetup setup, NewSceneMode mode)
        {
            return new UnityEngine.SceneManagement.Scene();
        }
    }

    // ScriptReference/SceneManagement.NewSceneSetup
    public enum NewSceneSetup { DefaultGameObjects }

    // ScriptReference/SceneManagement.NewSceneMode
    public enum NewSceneMode { Single }
}
