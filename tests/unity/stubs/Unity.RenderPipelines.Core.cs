using System;

namespace UnityEngine.Rendering
{
    // PackageReference/com.unity.render-pipelines.core/UnityEngine.Rendering.CameraCaptureBridge
    public static class CameraCaptureBridge
    {
        public static void AddCaptureAction(Camera camera, Action<RenderTargetIdentifier, CommandBuffer> action) { }
        public static void RemoveCaptureAction(Camera camera, Action<RenderTargetIdentifier, CommandBuffer> action) { }
    }
}
