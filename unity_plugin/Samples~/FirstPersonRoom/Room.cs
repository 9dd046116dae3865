using UnityEngine;

namespace SoundReactor.Samples
{
    /// <summary>
    /// Builds a room out of primitives, with a player, balls that bang against walls, and SoundReactor on the camera.
    /// Tools > SoundReactor > Play the First-Person Room makes a scene of it. Link and source come with this component, so
    /// that the editor knows before play mode that it must start the runtime.
    /// </summary>
    [RequireComponent(typeof(SoundReactorLink), typeof(SoundReactorSource))]
    public sealed class Room : MonoBehaviour
    {
        private const float Size = 12f;
        private const float Height = 4f;
        private const float Thickness = 0.5f;

        [Tooltip("Seconds between two balls.")]
        [SerializeField] private float _throwEvery = 1.2f;

        private RoomLook _look;
        private Transform _head;
        private float _nextThrow;

        private void Start()
        {
            _look = new RoomLook();
            BuildWalls();
            BuildLight();
            BuildPlayer();
            BuildSound();
        }

        private void BuildWalls()
        {
            float reach = Size / 2f;
            Color stone = new Color(0.45f, 0.43f, 0.4f);
            Box("Floor", new Vector3(0f, -Thickness / 2f, 0f), new Vector3(Size, Thickness, Size), new Color(0.25f, 0.25f, 0.28f));
            Box("Ceiling", new Vector3(0f, Height + Thickness / 2f, 0f), new Vector3(Size, Thickness, Size), stone);
            Box("North", new Vector3(0f, Height / 2f, reach), new Vector3(Size, Height, Thickness), stone);
            Box("South", new Vector3(0f, Height / 2f, -reach), new Vector3(Size, Height, Thickness), stone);
            Box("East", new Vector3(reach, Height / 2f, 0f), new Vector3(Thickness, Height, Size), stone);
            Box("West", new Vector3(-reach, Height / 2f, 0f), new Vector3(Thickness, Height, Size), stone);
            Box("Pillar", new Vector3(2f, Height / 2f, 2f), new Vector3(0.8f, Height, 0.8f), new Color(0.5f, 0.3f, 0.2f));
        }

        private void Box(string name, Vector3 place, Vector3 size, Color color)
        {
            GameObject box = GameObject.CreatePrimitive(PrimitiveType.Cube);
            box.name = name;
            box.transform.SetParent(transform, false);
            box.transform.localPosition = place;
            box.transform.localScale = size;
            _look.Paint(box, color);
        }

        private void BuildLight()
        {
            GameObject lamp = new GameObject("Lamp");
            lamp.transform.SetParent(transform, false);
            lamp.transform.localPosition = new Vector3(0f, Height - 0.5f, 0f);
            Light light = lamp.AddComponent<Light>();
            light.type = LightType.Point;
            light.range = 2f * Size;
            light.intensity = _look.LampIntensity;
        }

        private void BuildPlayer()
        {
            Camera camera = Camera.main;
            GameObject head = camera != null ? camera.gameObject : new GameObject("Head", typeof(Camera), typeof(AudioListener));
            head.transform.position = new Vector3(0f, 1.7f, -4f);
            head.AddComponent<Walker>();
            _head = head.transform;
        }

        private void BuildSound()
        {
            if (_head.GetComponent<SoundReactorCamera>() == null)
            {
                _head.gameObject.AddComponent<SoundReactorCamera>();
            }
        }

        private void Update()
        {
            if (Time.time >= _nextThrow)
            {
                _nextThrow = Time.time + _throwEvery;
                Throw();
            }
        }

        private void Throw()
        {
            GameObject ball = GameObject.CreatePrimitive(PrimitiveType.Sphere);
            ball.name = "Ball";
            ball.transform.SetParent(transform, false);
            ball.transform.localScale = 0.35f * Vector3.one;
            ball.transform.position = _head.position + _head.forward;
            _look.Paint(ball, new Color(0.9f, 0.35f, 0.1f));
            Rigidbody body = ball.AddComponent<Rigidbody>();
#if UNITY_6000_0_OR_NEWER
            body.linearVelocity = 14f * _head.forward;
#else
            body.velocity = 14f * _head.forward;
#endif
            ball.AddComponent<Bang>().Look = _look;
            Destroy(ball, 6f);
        }
    }
}
