using System;
using System.Text;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// Writes one control message: the kind byte, then a msgpack map whose size is set at the end.
    /// Integers take the shortest form, numbers are 64-bit floats, as the runtime's own library writes them.
    /// Reusable; thread: one at a time.
    /// </summary>
    public sealed class MessagePackWriter
    {
        private const int MaxMapKeys = 15; // of the one-byte map header; the largest message here has 10
        private byte[] _data = new byte[256];
        private int _keys;

        /// <summary>The bytes; only the first <see cref="Length"/> count.</summary>
        public byte[] Data { get { return _data; } }
        /// <summary>Bytes written.</summary>
        public int Length { get; private set; }

        /// <summary>Begin a message.</summary>
        public void Begin(MessageKind kind)
        {
            Length = 0;
            _keys = 0;
            Byte((byte)kind);
            Byte(0x80);
        }

        /// <summary>Write a key and a text.</summary>
        public void Text(string key, string value)
        {
            Key(key);
            String(value);
        }

        /// <summary>Write a key and an integer.</summary>
        public void Integer(string key, long value)
        {
            Key(key);
            if (value >= 0)
            {
                Unsigned((ulong)value);
            }
            else
            {
                Negative(value);
            }
        }

        /// <summary>Write a key and a number, as a 64-bit float.</summary>
        public void Number(string key, double value)
        {
            Key(key);
            Byte(0xcb);
            BigEndian(unchecked((ulong)BitConverter.DoubleToInt64Bits(value)), 8);
        }

        /// <summary>Write a key and true or false.</summary>
        public void Flag(string key, bool value)
        {
            Key(key);
            Byte(value ? (byte)0xc3 : (byte)0xc2);
        }

        /// <summary>Return a copy of what was written.</summary>
        public byte[] ToArray()
        {
            byte[] copy = new byte[Length];
            Buffer.BlockCopy(_data, 0, copy, 0, Length);
            return copy;
        }

        private void Key(string key)
        {
            if (++_keys > MaxMapKeys)
            {
                throw new WireException("a message has at most " + MaxMapKeys + " keys");
            }
            _data[1] = (byte)(0x80 | _keys);
            String(key);
        }

        private void String(string text)
        {
            string value = text ?? "";
            int bytes = Encoding.UTF8.GetByteCount(value);
            if (bytes > 65535)
            {
                throw new WireException("a text of at most 65535 bytes expected, got " + bytes);
            }
            StringHeader(bytes);
            Reserve(bytes);
            Encoding.UTF8.GetBytes(value, 0, value.Length, _data, Length);
            Length += bytes;
        }

        private void StringHeader(int bytes)
        {
            if (bytes < 32)
            {
                Byte((byte)(0xa0 | bytes));
            }
            else if (bytes < 256)
            {
                Byte(0xd9);
                Byte((byte)bytes);
            }
            else
            {
                Byte(0xda);
                BigEndian((ulong)bytes, 2);
            }
        }

        private void Unsigned(ulong value)
        {
            if (value < 128)
            {
                Byte((byte)value);
            }
            else if (value < 256)
            {
                Tagged(0xcc, value, 1);
            }
            else if (value < 65536)
            {
                Tagged(0xcd, value, 2);
            }
            else if (value <= uint.MaxValue)
            {
                Tagged(0xce, value, 4);
            }
            else
            {
                Tagged(0xcf, value, 8);
            }
        }

        private void Negative(long value)
        {
            ulong bits = unchecked((ulong)value);
            if (value >= -32)
            {
                Byte((byte)bits);
            }
            else if (value >= sbyte.MinValue)
            {
                Tagged(0xd0, bits, 1);
            }
            else if (value >= short.MinValue)
            {
                Tagged(0xd1, bits, 2);
            }
            else if (value >= int.MinValue)
            {
                Tagged(0xd2, bits, 4);
            }
            else
            {
                Tagged(0xd3, bits, 8);
            }
        }

        private void Tagged(byte tag, ulong bits, int bytes)
        {
            Byte(tag);
            BigEndian(bits, bytes);
        }

        private void BigEndian(ulong bits, int bytes)
        {
            Reserve(bytes);
            for (int i = bytes - 1; i >= 0; i--)
            {
                _data[Length++] = (byte)(bits >> (8 * i));
            }
        }

        private void Byte(byte value)
        {
            Reserve(1);
            _data[Length++] = value;
        }

        private void Reserve(int bytes)
        {
            if (Length + bytes > _data.Length)
            {
                Array.Resize(ref _data, Math.Max(2 * _data.Length, Length + bytes));
            }
        }
    }
}
