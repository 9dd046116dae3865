using System;
using Unity.Collections;

namespace UnityEngine.Rendering
{
    // ScriptReference/Rendering.RenderTargetIdentifier
    public struct RenderTargetIdentifier
    {
        public static implicit operator RenderTargetIdentifier(int nameID) { return new RenderTargetIdentifier(); }
        public static implicit operator RenderTargetIdentifier(Texture tex) { return new RenderTargetIdentifier(); }
    }

    // ScriptReference/Rendering.CommandBuffer
    public class CommandBuffer
    {
        public string name { get; set; }
        public void Clear() { }
        public void Release() { }
        public void Blit(RenderTargetIdentifier source, RenderTargetIdentifier dest) { }
        public void GetTemporaryRT(
            int nameID, int width, int height, int depthBuffer, FilterMode filter, RenderTextureFormat format,
            RenderTextureReadWrite readWrite) { }
        public void ReleaseTemporaryRT(int nameID) { }
        public void RequestAsyncReadbackIntoNativeArray<T>(
            ref NativeArray<T> output, Texture src, int mipIndex, TextureFormat dstFormat,
            Action<AsyncGPUReadbackRequest> callback) where T : struct { }
    }

    // CsReference/Runtime/Export/Graphics/AsyncGPUReadback.bindings.cs
    public struct AsyncGPUReadbackRequest
    {
        public bool hasError { get { return false; } }
    }

    // CsReference/Runtime/Export/Graphics/AsyncGPUReadback.bindings.cs
    public static class AsyncGPUReadback
    {
        public static void WaitAllRequests() { }
    }

    // ScriptReference/Rendering.RenderPipelineAsset
    public abstract class RenderPipelineAsset : Object
    {
        public virtual Material defaultMaterial { get { return null; } }
    }

    // ScriptReference/Rendering.GraphicsSettings
    public sealed class GraphicsSettings : Object
    {
        public static RenderPipelineAsset currentRenderPipeline { get { return null; } }
    }
}
