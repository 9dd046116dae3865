namespace UnityEngine
{
    // ScriptReference/GUI
    public class GUI
    {
        public static bool changed { get; set; }
        public static bool Button(Rect position, string text) { return false; }
        public static void Label(Rect position, string text) { }
        public static void DrawTextureWithTexCoords(Rect position, Texture image, Rect texCoords) { }
    }

    // ScriptReference/GUILayout
    public class GUILayout
    {
        public static bool Button(string text, params GUILayoutOption[] options) { return false; }
        public static GUILayoutOption Height(float height) { return null; }
    }

    // ScriptReference/GUILayoutOption
    public class GUILayoutOption { }

    // ScriptReference/GUIStyle
    public class GUIStyle { }

    // ScriptReference/ScriptableObject
    public class ScriptableObject : Object { }
}
