namespace SoundReactor
{
    /// <summary>Which row of a captured picture comes first.</summary>
    public enum PictureRows
    {
        /// <summary>The bottom one, as in every render texture.</summary>
        Automatic,
        /// <summary>The top one: for a render pipeline of your own that turns its pictures.</summary>
        TopFirst
    }
}
