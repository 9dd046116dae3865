using System;
using SoundReactor.Protocol;
using Unity.Collections;
using UnityEngine;
using UnityEngine.Rendering;

namespace SoundReactor.Capture
{
    /// <summary>
    /// Room for one picture on its way from the graphics card. Memory and callback are made once and used again: a
    /// request without its own memory makes new memory every time.
    /// </summary>
    internal sealed class ReadbackSlot : IDisposable
    {
        private readonly PictureReader _reader;
        private readonly Action<AsyncGPUReadbackRequest> _onDone;
        private NativeArray<byte> _pixels;
        private long _captureNs;

        internal ReadbackSlot(PictureReader reader, int bytes)
        {
            _reader = reader;
            _onDone = OnDone;
            _pixels = new NativeArray<byte>(bytes, Allocator.Persistent, NativeArrayOptions.ClearMemory);
        }

        internal bool IsBusy { get; private set; }

        /// <summary>Whether the request is so old that it must have been lost with a command buffer never run.</summary>
        internal bool IsStuck
        {
            get { return IsBusy && MonotonicClock.MsSince(_captureNs) > 2000; }
        }

        internal void Request(CommandBuffer commands, Texture picture, long captureNs)
        {
            IsBusy = true;
            _captureNs = captureNs;
            commands.RequestAsyncReadbackIntoNativeArray(ref _pixels, picture, 0, TextureFormat.RGBA32, _onDone);
        }

        private void OnDone(AsyncGPUReadbackRequest request)
        {
            IsBusy = false;
            if (!request.hasError && _pixels.IsCreated)
            {
                _reader.Deliver(_pixels, _captureNs);
            }
        }

        public void Dispose()
        {
            if (_pixels.IsCreated)
            {
                _pixels.Dispose();
            }
        }
    }
}
