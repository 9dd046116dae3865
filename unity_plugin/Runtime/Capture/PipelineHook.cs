using System;
using UnityEngine;
using UnityEngine.Rendering;

namespace SoundReactor.Capture
{
    /// <summary>
    /// Calls back when a scriptable pipeline has rendered a camera. Does nothing in the Built-in pipeline, which has
    /// OnRenderImage, and in projects without the package of the scriptable pipelines.
    /// </summary>
    internal sealed class PipelineHook : IDisposable
    {
        private readonly Camera _camera;
        private readonly Action<RenderTargetIdentifier, CommandBuffer> _listener;
        private readonly Action<RenderTargetIdentifier, CommandBuffer> _onCapture;
        private bool _isActive;

        internal PipelineHook(Camera camera, Action<RenderTargetIdentifier, CommandBuffer> listener)
        {
            _camera = camera;
            _listener = listener;
            _onCapture = OnCapture; // one delegate, for it must be the same one that is taken off
            if (GraphicsSettings.currentRenderPipeline != null)
            {
                _isActive = true;
                Register(true);
            }
        }

        public void Dispose()
        {
            if (_isActive)
            {
                _isActive = false;
                Register(false);
            }
        }

        private void OnCapture(RenderTargetIdentifier source, CommandBuffer commands)
        {
            if (_isActive && _camera != null) // a pipeline may still call in the frame in which the hook was taken off
            {
                _listener(source, commands);
            }
        }

        private void Register(bool isWanted)
        {
            Action<RenderTargetIdentifier, CommandBuffer> action = _onCapture;
#if SOUNDREACTOR_CORE_RP
            if (isWanted)
            {
                CameraCaptureBridge.AddCaptureAction(_camera, action);
            }
            else
            {
                CameraCaptureBridge.RemoveCaptureAction(_camera, action);
            }
#else
            _isActive = isWanted && action == null; // no scriptable pipeline can be active without its package
#endif
        }
    }
}
