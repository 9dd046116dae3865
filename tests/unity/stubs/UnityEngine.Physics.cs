namespace UnityEngine
{
    // ScriptReference/Rigidbody
    public class Rigidbody : Component
    {
#if UNITY_6000_0_OR_NEWER
        public Vector3 linearVelocity { get; set; }
#else
        public Vector3 velocity { get; set; }
#endif
    }

    // ScriptReference/Collision
    public class Collision
    {
        public Vector3 relativeVelocity { get { return new Vector3(); } }
    }
}
