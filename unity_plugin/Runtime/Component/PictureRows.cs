namespace SoundReactor
{
    /// <summary>Which row of a captured picture comes first.</summary>
    public enum PictureRows
    {
        /// <summary>As measured with a known picture when the capture begins: the bottom one, by Unity's convention.</summary>
        Automatic,
        /// <summary>The bottom one.</summary>
        BottomFirst,
        /// <summary>The top one: for a render pipeline of your own that turns its pictures.</summary>
        TopFirst
    }
}
