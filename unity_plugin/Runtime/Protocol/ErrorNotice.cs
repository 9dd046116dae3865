namespace SoundReactor.Protocol
{
    /// <summary>What the runtime refused: what it expected, what it got, and what to do.</summary>
    public sealed class ErrorNotice
    {
        /// <summary>The error's code, for example <see cref="ErrorCode.BadToken"/>.</summary>
        public string Code { get; private set; }
        /// <summary>What the runtime expected.</summary>
        public string Expected { get; private set; }
        /// <summary>What it got.</summary>
        public string Got { get; private set; }
        /// <summary>What to do next.</summary>
        public string Fix { get; private set; }
        /// <summary>The session, or 0.</summary>
        public uint Session { get; private set; }
        /// <summary>The refused frame, or 0.</summary>
        public ulong Seq { get; private set; }
        /// <summary>Whether there is no session any more.</summary>
        public bool IsFatal { get; private set; }

        /// <summary>Create a notice of this side's own.</summary>
        public ErrorNotice(string code, string expected, string got, string fix, bool isFatal)
        {
            Code = code;
            Expected = expected;
            Got = got;
            Fix = fix;
            IsFatal = isFatal;
        }

        /// <summary>Read the map behind the kind byte.</summary>
        /// <exception cref="WireException">It is malformed.</exception>
        public static ErrorNotice Parse(byte[] data, int at, int length)
        {
            MessagePackReader reader = new MessagePackReader(data, at, length);
            ErrorNotice notice = new ErrorNotice("", "", "", "", false);
            for (int keys = reader.MapHeader(); keys > 0; keys--)
            {
                notice.Take(reader.Key(), ref reader);
            }
            reader.End();
            if (notice.Code.Length == 0)
            {
                throw new WireException("error without the key 'code'");
            }
            return notice;
        }

        private void Take(TextSpan key, ref MessagePackReader reader)
        {
            if (key.Is("code")) { Code = reader.Text(); }
            else if (key.Is("expected")) { Expected = reader.Text(); }
            else if (key.Is("got")) { Got = reader.Text(); }
            else if (key.Is("fix")) { Fix = reader.Text(); }
            else if (key.Is("session")) { Session = (uint)reader.Integer(0, uint.MaxValue); }
            else if (key.Is("seq")) { Seq = reader.Natural(); }
            else if (key.Is("fatal")) { IsFatal = reader.Flag(); }
            else { reader.Skip(); }
        }

        /// <summary>One sentence for the user.</summary>
        public override string ToString()
        {
            return Code + ": expected " + Expected + ", got " + Got + "; " + Fix;
        }
    }
}
