using System;
using UnityEngine.Events;

namespace SoundReactor
{
    /// <summary>Raised with a text for people.</summary>
    [Serializable]
    public sealed class LinkMessageEvent : UnityEvent<string>
    {
    }
}
