using UnityEngine;

namespace SoundReactor
{
    /// <summary>
    /// Finds the scene's link for a component that names none: at once when enabled, then once a second, since the link may
    /// be made later or go with its scene. Thread: main.
    /// </summary>
    internal sealed class LinkSearch
    {
        private const float EveryS = 1f; // looking through the scene allocates
        private float _nextS;

        /// <summary>Look at the next <see cref="Find"/>, however recent the last look.</summary>
        internal void Reset()
        {
            _nextS = 0f;
        }

        /// <summary>Return <paramref name="named"/>, else the scene's link, else null.</summary>
        internal SoundReactorLink Find(SoundReactorLink named)
        {
            if (named != null || Time.realtimeSinceStartup < _nextS)
            {
                return named;
            }
            _nextS = Time.realtimeSinceStartup + EveryS;
            return Object.FindFirstObjectByType<SoundReactorLink>();
        }
    }
}
