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
    /// Rows: by Unity's convention a render texture's row 0 is the picture's bottom on every graphics API, and both ways of
    /// reading keep that order; it is said to the runtime (<see cref="FrameFlags.BottomUp"/>), not turned here.
    /// Colour: the small texture is of the sRGB kind. In a linear project the last step encodes; in a gamma project the
    /// setting does nothing and the picture is sRGB already.
    /// Both are measured: the first picture that is read is a known one (<see cref="ProbeVerdict"/>).
    /// </remarks>
    internal sealed class PictureReader : IDisposable
    {
        private readonly IPictureListener _listener;
        private readonly int[] _steps = new int[ShrinkPlan.MaxSteps];
        private readonly ReadbackSlot[] _slots;
        private readonly RenderTexture _small;
        private readonly Texture2D _readable;
        private readonly Texture2D _known;
        private long _unreadNs;
        private bool _isProbing = true;
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
            _known = MakeKnown();
            Probe();
        }

        private static Texture2D MakeKnown()
        {
            Texture2D known = new Texture2D(1, 2, TextureFormat.RGBA32, false);
            known.filterMode = FilterMode.Point;
            float grey = ProbeVerdict.Grey / 255f;
            known.SetPixel(0, 0, new Color(grey, grey, grey));
            known.SetPixel(0, 1, new Color(1f, 1f, 1f));
            known.Apply();
            return known;
        }

        private void Probe()
        {
            CommandBuffer commands = new CommandBuffer();
            commands.name = "SoundReactor probe";
            Record(commands, _known, Width, Height, MonotonicClock.NowNs);
            Graphics.ExecuteCommandBuffer(commands);
            commands.Release();
        }

        private void Judge(NativeArray<byte> pixels)
        {
            _isProbing = false;
            int column = 4 * (Width / 2);
            int first = pixels[4 * Width * (Height / 8) + column];
            int last = pixels[4 * Width * (Height - 1 - Height / 8) + column];
            ProbeVerdict verdict = new ProbeVerdict(first, last);
            IsTopFirst = verdict.IsReadable && verdict.IsTopFirst;
            if (verdict.IsReadable && !verdict.IsColourRight)
            {
                Debug.LogWarning("SoundReactor: colours come back changed (128 became " + verdict.Darker
                    + "): the model sees another picture than the player. Please report your graphics API and colour space.");
            }
        }

        internal int Width { get; private set; }
        internal int Height { get; private set; }
        /// <summary>Whether this machine gives the top row first; known before the first picture.</summary>
        internal bool IsTopFirst { get; private set; }
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
            if (_isProbing && !_isDisposed)
            {
                Judge(pixels);
            }
            else if (!_isDisposed)
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
            UnityEngine.Object.Destroy(_known);
            if (_readable != null)
            {
                UnityEngine.Object.Destroy(_readable);
            }
        }
    }
}
