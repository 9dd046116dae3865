namespace SoundReactor.Protocol
{
    /// <summary>How the pixels of a frame are stored.</summary>
    public enum FrameFormat : byte
    {
        /// <summary>Three bytes a pixel: red, green, blue.</summary>
        Rgb8 = 1,
        /// <summary>Four bytes a pixel; alpha is ignored.</summary>
        Rgba8 = 2,
        /// <summary>A JPEG file.</summary>
        Jpeg = 3
    }
}
