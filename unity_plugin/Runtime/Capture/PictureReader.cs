using System;
using SoundReactor.Protocol;
using Unity.Collections;
using UnityEngine;
using UnityEngine.Rendering;

namespace SoundReactor.Capture
{
    /// <summary>
    /// Shrinks a rendered picture on the graphics card and brings it to the processor without waiting for it: at most two
    /// pictures are on their way; a third is dropped. Where the system has no asynchronous read-back, the picture is read
    /// one frame later, which waits for the graphics card. Thread: main.
    /// </summary>
    /// <remarks>
    /// Rows: whatever the graphics API, a render texture's row 0 is the picture's bottom, and both ways of reading keep
    /// that order; it is said to the runtime (<see cref="FrameFlags.BottomUp"/>), not turned here.
    /// Colour: the small texture is of the sRGB kind. In a linear project the last step encodes; in a gamma project the
    /// setting does nothing and the picture is sRGB already.
    /// </remarks>
    internal sealed class PictureReader : IDisposable
    {
        private readonly IPictureListener _listener;
        private readonly int[] _steps = new int[ShrinkPlan.MaxSteps];
        private readonly ReadbackSlot[] _slots;
        private readonly RenderTexture _small;
        private readonly Texture2D _readable;
        private long _unreadNs;
        private bool _isDisposed;

        internal PictureReader(IPictureListener listener, int width, int height)
        {
            _listener = listener;
            Width = width;
            Height = height;
            for (int i = 0; i < _steps.Length; i++)
            {
                _steps[i] = Shader.PropertyToID("_SoundReactorStep" + i);
            }
            _small = new RenderTexture(width, height, 0, RenderTextureFormat.ARGB32, RenderTextureReadWrite.sRGB);
            _small.name = "SoundReactor picture";
            _small.Create();
            if (SystemInfo.supportsAsyncGPUReadback)
            {
                _slots = new[] { new ReadbackSlot(this, 4 * width * height), new ReadbackSlot(this, 4 * width * height) };
            }
            else
            {
                _slots = new ReadbackSlot[0];
                _readable = new Texture2D(width, height, TextureFormat.RGBA32, false);
            }
        }

        internal int Width { get; private set; }
        internal int Height { get; private set; }
        /// <summary>The picture as the model sees it, for the inspector.</summary>
        internal Texture Picture { get { return _small; } }

        /// <summary>Whether a request was lost, so that this reader must be made anew.</summary>
        internal bool IsStuck
        {
            get
            {
                bool isStuck = false;
                foreach (ReadbackSlot slot in _slots)
                {
                    isStuck |= slot.IsStuck;
                }
                return isStuck;
            }
        }

        /// <summary>Write what is to be done with a picture into <paramref name="commands"/>; false if two are on their way.</summary>
        internal bool Record(
            CommandBuffer commands, RenderTargetIdentifier source, int width, int height, long captureNs)
        {
            ReadbackSlot slot = FindFree();
            if (slot == null && _slots.Length > 0)
            {
                return false;
            }
            Shrink(commands, source, width, height);
            if (slot != null)
            {
                slot.Request(commands, _small, captureNs);
            }
            else
            {
                _unreadNs = captureNs;
            }
            return true;
        }

        private ReadbackSlot FindFree()
        {
            foreach (ReadbackSlot slot in _slots)
            {
                if (!slot.IsBusy)
                {
                    return slot;
                }
            }
            return null;
        }

        private void Shrink(CommandBuffer commands, RenderTargetIdentifier source, int width, int height)
        {
            ShrinkPlan plan = new ShrinkPlan(width, height, Width, Height);
            int steps = 0;
            while (steps < ShrinkPlan.MaxSteps && plan.Halve())
            {
                commands.GetTemporaryRT(
                    _steps[steps], plan.Width, plan.Height, 0, FilterMode.Bilinear,
                    RenderTextureFormat.ARGB32, RenderTextureReadWrite.sRGB);
                commands.Blit(source, _steps[steps]);
                source = _steps[steps++];
            }
            commands.Blit(source, _small);
            while (steps > 0)
            {
                commands.ReleaseTemporaryRT(_steps[--steps]);
            }
        }

        /// <summary>Without asynchronous read-back: read the picture of the last frame, which has been rendered by now.</summary>
        internal void Poll()
        {
            if (_readable == null || _unreadNs == 0)
            {
                return;
            }
            RenderTexture before = RenderTexture.active;
            RenderTexture.active = _small;
            _readable.ReadPixels(new Rect(0, 0, Width, Height), 0, 0, false);
            RenderTexture.active = before;
            long captureNs = _unreadNs;
            _unreadNs = 0;
            Deliver(_readable.GetRawTextureData<byte>(), captureNs);
        }

        internal void Deliver(NativeArray<byte> pixels, long captureNs)
        {
            if (!_isDisposed)
            {
                _listener.OnPicture(pixels, Width, Height, captureNs);
            }
        }

        /// <summary>Wait for pictures on their way (a few milliseconds), since their memory is freed.</summary>
        public void Dispose()
        {
            _isDisposed = true;
            if (_slots.Length > 0)
            {
                AsyncGPUReadback.WaitAllRequests();
            }
            foreach (ReadbackSlot slot in _slots)
            {
                slot.Dispose();
            }
            _small.Release();
            UnityEngine.Object.Destroy(_small);
            if (_readable != null)
            {
                UnityEngine.Object.Destroy(_readable);
            }
        }
    }
}
