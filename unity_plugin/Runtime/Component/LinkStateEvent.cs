using System;
using SoundReactor.Protocol;
using UnityEngine.Events;

namespace SoundReactor
{
    /// <summary>Raised with the new state of a connection.</summary>
    [Serializable]
    public sealed class LinkStateEvent : UnityEvent<LinkState>
    {
    }
}
