using System;

namespace UnityEngine
{
    // ScriptReference/Object
    public class Object
    {
        public string name { get; set; }
        public static void Destroy(Object obj) { }
        public static void Destroy(Object obj, float t) { }
        public static void DestroyImmediate(Object obj) { }
        public static T FindFirstObjectByType<T>() where T : Object { return null; }
        public static T[] FindObjectsByType<T>(FindObjectsSortMode sortMode) where T : Object { return new T[0]; }
        public static bool operator ==(Object x, Object y) { return ReferenceEquals(x, y); }
        public static bool operator !=(Object x, Object y) { return !ReferenceEquals(x, y); }
        public override bool Equals(object other) { return ReferenceEquals(this, other); }
        public override int GetHashCode() { return 0; }
    }

    // ScriptReference/FindObjectsSortMode
    public enum FindObjectsSortMode { None }

    // ScriptReference/Component
    public class Component : Object
    {
        public Transform transform { get { return null; } }
        public GameObject gameObject { get { return null; } }
        public T GetComponent<T>() { return default(T); }
    }

    // ScriptReference/Behaviour
    public class Behaviour : Component
    {
        public bool enabled { get; set; }
        public bool isActiveAndEnabled { get { return false; } }
    }

    // ScriptReference/MonoBehaviour
    public class MonoBehaviour : Behaviour { }

    // ScriptReference/GameObject
    public sealed class GameObject : Object
    {
        public GameObject(string name) { }
        public GameObject(string name, params Type[] components) { }
        public Transform transform { get { return null; } }
        public T AddComponent<T>() where T : Component { return null; }
        public T GetComponent<T>() { return default(T); }
        public static GameObject CreatePrimitive(PrimitiveType type) { return null; }
    }

    // ScriptReference/PrimitiveType
    public enum PrimitiveType { Sphere, Cube }

    // ScriptReference/Transform
    public class Transform : Component
    {
        public Vector3 position { get; set; }
        public Vector3 localPosition { get; set; }
        public Vector3 localScale { get; set; }
        public Quaternion rotation { get; set; }
        public Vector3 forward { get { return new Vector3(); } }
        public Vector3 right { get { return new Vector3(); } }
        public void SetParent(Transform parent, bool worldPositionStays) { }
    }

    // ScriptReference/Application
    public class Application
    {
        public static string unityVersion { get { return ""; } }
        public static string persistentDataPath { get { return ""; } }
        public static bool isPlaying { get { return false; } }
        public static bool runInBackground { get; set; }
    }

    // ScriptReference/Time
    public class Time
    {
        public static double unscaledTimeAsDouble { get { return 0; } }
        public static float unscaledDeltaTime { get { return 0; } }
        public static float realtimeSinceStartup { get { return 0; } }
        public static float time { get { return 0; } }
        public static float deltaTime { get { return 0; } }
        public static float timeScale { get; set; }
    }

    // ScriptReference/Debug
    public class Debug
    {
        public static void LogWarning(object message) { }
        public static void LogWarning(object message, Object context) { }
        public static void LogError(object message, Object context) { }
        public static void LogException(System.Exception exception, Object context) { }
    }

    // ScriptReference/Input
    public class Input
    {
        public static float GetAxis(string axisName) { return 0; }
    }
}
