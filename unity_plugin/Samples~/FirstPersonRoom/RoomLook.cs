using UnityEngine;
using UnityEngine.Rendering;

namespace SoundReactor.Samples
{
    /// <summary>Where the render pipelines differ: the material of primitives, the property of its colour, the unit of light.</summary>
    public sealed class RoomLook
    {
        private const float BuiltInIntensity = 1.5f;
        private const float UniversalIntensity = 30f; // candela, with the falloff of the square of the distance
        private const float HighDefinitionIntensity = 20000f; // lumen
        private readonly Material _material;
        private readonly string _colorName;

        /// <summary>Look at the active pipeline.</summary>
        public RoomLook()
        {
            RenderPipelineAsset pipeline = GraphicsSettings.currentRenderPipeline;
            _material = pipeline == null ? null : pipeline.defaultMaterial;
            _colorName = pipeline == null ? "_Color" : "_BaseColor";
            bool isHighDefinition = _material != null && _material.shader.name.StartsWith("HDRP/");
            LampIntensity = pipeline == null ? BuiltInIntensity
                : isHighDefinition ? HighDefinitionIntensity : UniversalIntensity;
        }

        /// <summary>Intensity of the room's lamp in the pipeline's own unit.</summary>
        public float LampIntensity { get; private set; }

        /// <summary>Give an object a colour.</summary>
        public void Paint(GameObject target, Color color)
        {
            Renderer renderer = target.GetComponent<Renderer>();
            if (_material != null)
            {
                renderer.sharedMaterial = _material; // primitives come with the Built-in one, which is pink elsewhere
            }
            renderer.material.SetColor(_colorName, color);
        }
    }
}
