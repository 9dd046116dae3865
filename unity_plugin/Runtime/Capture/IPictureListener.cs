using Unity.Collections;

namespace SoundReactor.Capture
{
    /// <summary>Takes pictures out of a <see cref="PictureReader"/>. Thread: main.</summary>
    internal interface IPictureListener
    {
        /// <summary>A picture: four bytes a pixel, sRGB, bottom row first; valid during the call only.</summary>
        void OnPicture(NativeArray<byte> pixels, int width, int height, long captureNs);
    }
}
