namespace SoundReactor.Capture
{
    /// <summary>
    /// What a known picture says that was sent through the graphics card before the first real one: its lower half is
    /// middle grey, its upper half white. So the order of rows and the colour space are measured on this machine's graphics
    /// API, not looked up in a table.
    /// </summary>
    public struct ProbeVerdict
    {
        /// <summary>Value of the lower half, in sRGB.</summary>
        public const int Grey = 128;
        private const int White = 255;
        private const int Tolerance = 6; // of rounding; a wrong colour space gives 55 or 188

        /// <summary>Judge by one value from near the first row and one from near the last.</summary>
        public ProbeVerdict(int nearFirstRow, int nearLastRow)
        {
            bool isTopFirst = nearFirstRow > nearLastRow;
            int darker = isTopFirst ? nearLastRow : nearFirstRow;
            int brighter = isTopFirst ? nearFirstRow : nearLastRow;
            IsTopFirst = isTopFirst;
            Darker = darker;
            IsReadable = brighter >= White - Tolerance && darker < White - Tolerance;
        }

        /// <summary>Whether the picture came back as a picture at all; if not, the usual order is assumed.</summary>
        public bool IsReadable { get; private set; }
        /// <summary>Whether the top row comes first.</summary>
        public bool IsTopFirst { get; private set; }
        /// <summary>What middle grey has become.</summary>
        public int Darker { get; private set; }

        /// <summary>Whether middle grey is middle grey still.</summary>
        public bool IsColourRight
        {
            get { return Darker >= Grey - Tolerance && Darker <= Grey + Tolerance; }
        }
    }
}
