namespace SoundReactor.Protocol
{
    /// <summary>One ping's result.</summary>
    public struct ClockReading
    {
        /// <summary>Runtime's clock minus this clock.</summary>
        public long OffsetNs;
        /// <summary>Time spent on the way there and back.</summary>
        public long DelayNs;

        /// <summary>Read a pong's map; <paramref name="nowNs"/> is this clock at its arrival.</summary>
        /// <exception cref="WireException">It is malformed.</exception>
        public static ClockReading Parse(byte[] data, int at, int length, long nowNs)
        {
            MessagePackReader reader = new MessagePackReader(data, at, length);
            long t0 = 0, t1 = 0, t2 = 0;
            for (int keys = reader.MapHeader(); keys > 0; keys--)
            {
                TextSpan key = reader.Key();
                if (key.Is("t0_ns")) { t0 = reader.Integer(); }
                else if (key.Is("t1_ns")) { t1 = reader.Integer(); }
                else if (key.Is("t2_ns")) { t2 = reader.Integer(); }
                else { reader.Skip(); }
            }
            reader.End();
            ClockReading reading;
            long there = unchecked(t1 - t0);
            long back = unchecked(t2 - nowNs);
            reading.OffsetNs = there / 2 + back / 2 + (there % 2 + back % 2) / 2; // their sum may not fit
            reading.DelayNs = unchecked((nowNs - t0) - (t2 - t1));
            return reading;
        }
    }
}
