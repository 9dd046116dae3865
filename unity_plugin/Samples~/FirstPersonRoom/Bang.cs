using UnityEngine;

namespace SoundReactor.Samples
{
    /// <summary>A ball that flashes where it hits: what cannot be seen cannot be heard.</summary>
    public sealed class Bang : MonoBehaviour
    {
        private const float LoudSpeed = 3f;
        private const float FlashSeconds = 0.1f;
        private Light _flash;
        private float _endsAt;

        /// <summary>The room's look, for the flash's brightness.</summary>
        public RoomLook Look { get; set; }

        private void OnCollisionEnter(Collision collision)
        {
            if (collision.relativeVelocity.magnitude < LoudSpeed)
            {
                return;
            }
            if (_flash == null)
            {
                _flash = gameObject.AddComponent<Light>();
                _flash.type = LightType.Point;
                _flash.range = 6f;
                _flash.intensity = 3f * Look.LampIntensity;
            }
            _flash.enabled = true;
            _endsAt = Time.time + FlashSeconds;
        }

        private void Update()
        {
            if (_flash != null && _flash.enabled && Time.time >= _endsAt)
            {
                _flash.enabled = false;
            }
        }
    }
}
