namespace SoundReactor.Protocol
{
    /// <summary>Integers of the binary headers, written byte by byte: the same on every processor.</summary>
    internal static class LittleEndian
    {
        internal static void Put(byte[] data, int at, ulong value, int bytes)
        {
            for (int i = 0; i < bytes; i++)
            {
                data[at + i] = (byte)(value >> (8 * i));
            }
        }

        internal static ulong Get(byte[] data, int at, int bytes)
        {
            ulong value = 0;
            for (int i = bytes - 1; i >= 0; i--)
            {
                value = (value << 8) | data[at + i];
            }
            return value;
        }
    }
}
