namespace UnityEngine.Events
{
    // ScriptReference/Events.UnityEvent
    public class UnityEvent
    {
        public void Invoke() { }
    }

    // ScriptReference/Events.UnityEvent_1
    public class UnityEvent<T0>
    {
        public void Invoke(T0 arg0) { }
    }

    // ScriptReference/Events.UnityAction_2
    public delegate void UnityAction<T0, T1>(T0 arg0, T1 arg1);
}

namespace UnityEngine.SceneManagement
{
    // ScriptReference/SceneManagement.Scene
    public struct Scene { }

    // ScriptReference/SceneManagement.SceneManager
    public class SceneManager
    {
#pragma warning disable 67
        public static event UnityEngine.Events.UnityAction<Scene, Scene> activeSceneChanged;
#pragma warning restore 67
    }
}
