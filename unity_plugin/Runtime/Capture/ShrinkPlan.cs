namespace SoundReactor.Capture
{
    /// <summary>
    /// The sizes through which a picture is halved on its way to the model. A single bilinear step would look at 4 of the
    /// 70 pixels that 1080p has for one of 128×128; halving averages them all, as the recorder does that the model learned from.
    /// </summary>
    public struct ShrinkPlan
    {
        /// <summary>More halvings than any screen needs: 128 × 2⁸ = 32768.</summary>
        public const int MaxSteps = 8;
        private readonly int _targetWidth;
        private readonly int _targetHeight;

        /// <summary>Begin at the source's size.</summary>
        public ShrinkPlan(int width, int height, int targetWidth, int targetHeight)
        {
            Width = width;
            Height = height;
            _targetWidth = targetWidth;
            _targetHeight = targetHeight;
        }

        /// <summary>Width of the picture so far.</summary>
        public int Width { get; private set; }
        /// <summary>Height of the picture so far.</summary>
        public int Height { get; private set; }

        /// <summary>Halve once; false if the next picture is the last, of the target's size.</summary>
        public bool Halve()
        {
            int width = Half(Width, _targetWidth);
            int height = Half(Height, _targetHeight);
            if (width == _targetWidth && height == _targetHeight)
            {
                return false;
            }
            Width = width;
            Height = height;
            return true;
        }

        private static int Half(int size, int target)
        {
            return size / 2 > target ? (size + 1) / 2 : target;
        }
    }
}
