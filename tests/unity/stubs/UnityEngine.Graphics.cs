using Unity.Collections;
using UnityEngine.Rendering;

namespace UnityEngine
{
    // ScriptReference/Camera
    public sealed class Camera : Behaviour
    {
        public static Camera main { get { return null; } }
        public int pixelWidth { get { return 0; } }
        public int pixelHeight { get { return 0; } }
    }

    // ScriptReference/Texture
    public class Texture : Object
    {
        public virtual int width { get; set; }
        public virtual int height { get; set; }
        public FilterMode filterMode { get; set; }
    }

    // ScriptReference/RenderTexture
    public class RenderTexture : Texture
    {
        public RenderTexture(int width, int height, int depth, RenderTextureFormat format, RenderTextureReadWrite readWrite) { }
        public static RenderTexture active { get; set; }
        public bool Create() { return false; }
        public void Release() { }
    }

    // ScriptReference/Texture2D
    public sealed class Texture2D : Texture
    {
        public Texture2D(int width, int height, TextureFormat textureFormat, bool mipChain) { }
        public void SetPixel(int x, int y, Color color) { }
        public void Apply() { }
        public void ReadPixels(Rect source, int destX, int destY, bool recalculateMipMaps) { }
        public NativeArray<T> GetRawTextureData<T>() where T : struct { return new NativeArray<T>(); }
    }

    // ScriptReference/RenderTextureFormat
    public enum RenderTextureFormat { ARGB32 }

    // ScriptReference/RenderTextureReadWrite
    public enum RenderTextureReadWrite { sRGB }

    // ScriptReference/TextureFormat
    public enum TextureFormat { RGBA32 }

    // ScriptReference/FilterMode
    public enum FilterMode { Point, Bilinear }

    // ScriptReference/Shader
    public sealed class Shader : Object
    {
        public static int PropertyToID(string name) { return 0; }
    }

    // ScriptReference/Material
    public class Material : Object
    {
        public Shader shader { get; set; }
        public void SetColor(string name, Color value) { }
    }

    // ScriptReference/Renderer
    public class Renderer : Component
    {
        public Material material { get; set; }
        public Material sharedMaterial { get; set; }
    }

    // ScriptReference/Light
    public sealed class Light : Behaviour
    {
        public LightType type { get; set; }
        public float range { get; set; }
        public float intensity { get; set; }
    }

    // ScriptReference/LightType
    public enum LightType { Point }

    // ScriptReference/SystemInfo
    public sealed class SystemInfo
    {
        public static bool supportsAsyncGPUReadback { get { return false; } }
    }

    // ScriptReference/Graphics
    public class Graphics
    {
        public static void Blit(Texture source, RenderTexture dest) { }
        public static void ExecuteCommandBuffer(CommandBuffer buffer) { }
    }
}
