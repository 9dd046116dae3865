using UnityEngine;

namespace SoundReactor.Samples
{
    /// <summary>
    /// Walks and looks around: with keys and mouse if the project has the old Input Manager, by itself otherwise.
    /// </summary>
    public sealed class Walker : MonoBehaviour
    {
        private const float Reach = 5f;
        private const float MetresPerSecond = 3f;
        private float _yaw;
        private float _pitch;

        private void Update()
        {
#if ENABLE_LEGACY_INPUT_MANAGER
            _yaw += 3f * Input.GetAxis("Mouse X");
            _pitch = Mathf.Clamp(_pitch - 3f * Input.GetAxis("Mouse Y"), -80f, 80f);
            Vector3 step = transform.right * Input.GetAxis("Horizontal") + transform.forward * Input.GetAxis("Vertical");
#else
            _yaw += 25f * Time.deltaTime; // degrees
            _pitch = 0f;
            Vector3 step = 0.3f * transform.forward;
#endif
            transform.rotation = Quaternion.Euler(_pitch, _yaw, 0f);
            Vector3 place = transform.position + MetresPerSecond * Time.deltaTime * step;
            transform.position = new Vector3(Mathf.Clamp(place.x, -Reach, Reach), 1.7f, Mathf.Clamp(place.z, -Reach, Reach));
        }
    }
}
