using System;
using System.Collections.Generic;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// What waits to be sent: commands and control messages in order, and one frame, the newest.
    /// Three frame buffers go round: one being filled, one waiting, one being sent. Thread: any; no lock is held
    /// while sending.
    /// </summary>
    internal sealed class Outbox
    {
        private const int MaxControls = 64;
        private readonly object _gate = new object();
        private readonly Queue<byte[]> _controls = new Queue<byte[]>(MaxControls);
        private readonly Stack<FrameBuffer> _free = new Stack<FrameBuffer>(4);
        private FrameBuffer _waiting;

        internal Outbox()
        {
            for (int i = 0; i < 3; i++)
            {
                _free.Push(new FrameBuffer());
            }
        }

        internal long FramesReplaced { get; private set; }

        /// <summary>Forget what waits: the connection it was meant for is gone.</summary>
        internal void Clear()
        {
            lock (_gate)
            {
                _controls.Clear();
                DropFrame();
            }
        }

        /// <summary>Forget the frame that waits: its session ends.</summary>
        internal void DropFrame()
        {
            lock (_gate)
            {
                if (_waiting != null)
                {
                    _free.Push(_waiting);
                    _waiting = null;
                }
            }
        }

        /// <summary>Add a command or control message, header included; false if too many wait.</summary>
        internal bool Add(byte[] bytes)
        {
            lock (_gate)
            {
                if (_controls.Count >= MaxControls)
                {
                    return false;
                }
                _controls.Enqueue(bytes);
                return true;
            }
        }

        internal FrameBuffer TakeFree()
        {
            lock (_gate)
            {
                return _free.Count > 0 ? _free.Pop() : null;
            }
        }

        internal void Return(FrameBuffer frame)
        {
            lock (_gate)
            {
                _free.Push(frame);
            }
        }

        /// <summary>Let <paramref name="frame"/> wait; an older one that still waits is replaced and counted.</summary>
        internal void Put(FrameBuffer frame)
        {
            lock (_gate)
            {
                if (_waiting != null)
                {
                    _free.Push(_waiting);
                    FramesReplaced++;
                }
                _waiting = frame;
            }
        }

        /// <summary>Take the next thing to send: a control message if there is one, else the frame.</summary>
        internal bool Take(out byte[] control, out FrameBuffer frame)
        {
            lock (_gate)
            {
                control = _controls.Count > 0 ? _controls.Dequeue() : null;
                frame = control == null ? _waiting : null;
                if (frame != null)
                {
                    _waiting = null;
                }
                return control != null || frame != null;
            }
        }
    }
}
