namespace UnityEngine
{
    // ScriptReference/Mathf
    public struct Mathf
    {
        public static int Max(int a, int b) { return a > b ? a : b; }
        public static float Max(float a, float b) { return a > b ? a : b; }
        public static float Min(float a, float b) { return a < b ? a : b; }
        public static int Clamp(int value, int min, int max) { return value; }
        public static float Clamp(float value, float min, float max) { return value; }
        public static float Clamp01(float value) { return value; }
        public static float Log10(float f) { return f; }
    }

    // ScriptReference/Vector2
    public struct Vector2 { }

    // ScriptReference/Vector3
    public struct Vector3
    {
        public float x;
        public float z;
        public Vector3(float x, float y, float z) { this.x = x; this.z = z; }
        public static Vector3 one { get { return new Vector3(); } }
        public float magnitude { get { return 0; } }
        public static Vector3 operator +(Vector3 a, Vector3 b) { return a; }
        public static Vector3 operator *(Vector3 a, float d) { return a; }
        public static Vector3 operator *(float d, Vector3 a) { return a; }
    }

    // ScriptReference/Quaternion
    public struct Quaternion
    {
        public static Quaternion Euler(float x, float y, float z) { return new Quaternion(); }
    }

    // ScriptReference/Rect
    public struct Rect
    {
        public Rect(float x, float y, float width, float height) { }
    }

    // ScriptReference/Color
    public struct Color
    {
        public Color(float r, float g, float b) { }
    }
}
