using System;
using System.Text;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// Reads the msgpack map of one control message without trusting it: every length is checked against the
    /// bytes that are there and against the protocol's limits, nesting is bounded, and unknown keys are skipped.
    /// Nothing is allocated except the texts that a caller asks for.
    /// </summary>
    public struct MessagePackReader
    {
        /// <summary>Longest control message.</summary>
        public const int MaxMessageBytes = 16384;
        private const int MaxTextBytes = 4096; // 1024 characters of four bytes
        private const int MaxEntries = 64;
        private const int MaxDepth = 8;

        private readonly byte[] _data;
        private readonly int _end;
        private int _at;

        /// <summary>Read from <paramref name="at"/>, at most <paramref name="length"/> bytes.</summary>
        public MessagePackReader(byte[] data, int at, int length)
        {
            if (length > MaxMessageBytes)
            {
                throw new WireException("a control message has at most " + MaxMessageBytes + " bytes, got " + length);
            }
            _data = data;
            _at = at;
            _end = at + length;
        }

        /// <summary>Read the header of a map; returns the number of its keys.</summary>
        public int MapHeader()
        {
            byte tag = Next();
            if ((tag & 0xf0) == 0x80)
            {
                return tag & 0x0f;
            }
            if (tag == 0xde)
            {
                return Bounded(BigEndian(2), MaxEntries, "keys of a map");
            }
            if (tag == 0xdf)
            {
                return Bounded(BigEndian(4), MaxEntries, "keys of a map");
            }
            throw Unexpected("a map", tag);
        }

        /// <summary>Read the header of an array; returns the number of its items.</summary>
        public int ArrayHeader()
        {
            byte tag = Next();
            if ((tag & 0xf0) == 0x90)
            {
                return tag & 0x0f;
            }
            if (tag == 0xdc)
            {
                return Bounded(BigEndian(2), MaxEntries, "items of an array");
            }
            if (tag == 0xdd)
            {
                return Bounded(BigEndian(4), MaxEntries, "items of an array");
            }
            throw Unexpected("an array", tag);
        }

        /// <summary>Read a key; compare it with <see cref="TextSpan.Is"/>. Nothing is allocated.</summary>
        public TextSpan Key()
        {
            return Span();
        }

        /// <summary>Read a text.</summary>
        public string Text()
        {
            return Span().ToString();
        }

        /// <summary>Read a text into <paramref name="kept"/>; an equal text is not allocated again.</summary>
        public void Text(ref string kept)
        {
            TextSpan span = Span();
            if (kept == null || !span.Is(kept))
            {
                kept = span.ToString();
            }
        }

        /// <summary>Read an integer.</summary>
        public long Integer()
        {
            byte tag = Next();
            if (tag < 0x80)
            {
                return tag;
            }
            if (tag >= 0xe0)
            {
                return unchecked((sbyte)tag);
            }
            switch (tag)
            {
                case 0xcc: return (long)BigEndian(1);
                case 0xcd: return (long)BigEndian(2);
                case 0xce: return (long)BigEndian(4);
                case 0xcf: return Signed(BigEndian(8));
                case 0xd0: return unchecked((sbyte)BigEndian(1));
                case 0xd1: return unchecked((short)BigEndian(2));
                case 0xd2: return unchecked((int)BigEndian(4));
                case 0xd3: return unchecked((long)BigEndian(8));
                default: throw Unexpected("an integer", tag);
            }
        }

        /// <summary>Read an integer that must lie between two bounds.</summary>
        public long Integer(long smallest, long largest)
        {
            long value = Integer();
            if (value < smallest || value > largest)
            {
                throw new WireException("a number from " + smallest + " to " + largest + " expected, got " + value);
            }
            return value;
        }

        /// <summary>Read a 64-bit unsigned integer: sequence numbers use the whole range.</summary>
        public ulong Natural()
        {
            if (_at < _end && _data[_at] == 0xcf)
            {
                _at++;
                return BigEndian(8);
            }
            return (ulong)Integer(0, long.MaxValue);
        }

        /// <summary>Read a number, whole or not; NaN and infinity are refused.</summary>
        public double Number()
        {
            byte tag = _at < _end ? _data[_at] : (byte)0xc1;
            if (tag != 0xca && tag != 0xcb)
            {
                return Integer();
            }
            _at++;
            double value = tag == 0xcb
                ? BitConverter.Int64BitsToDouble(unchecked((long)BigEndian(8)))
                : Single((uint)BigEndian(4));
            if (double.IsNaN(value) || double.IsInfinity(value))
            {
                throw new WireException("a finite number expected");
            }
            return value;
        }

        /// <summary>Read true or false.</summary>
        public bool Flag()
        {
            byte tag = Next();
            if (tag == 0xc2 || tag == 0xc3)
            {
                return tag == 0xc3;
            }
            throw Unexpected("true or false", tag);
        }

        /// <summary>Step over one value of any kind.</summary>
        public void Skip()
        {
            Skip(0);
        }

        /// <summary>Check that nothing follows the map.</summary>
        public void End()
        {
            if (_at != _end)
            {
                throw new WireException("one msgpack map expected, " + (_end - _at) + " bytes follow it");
            }
        }

        private void Skip(int depth)
        {
            if (depth > MaxDepth)
            {
                throw new WireException("values are nested deeper than " + MaxDepth);
            }
            if (_at >= _end)
            {
                throw Truncated();
            }
            byte tag = _data[_at];
            if (IsText(tag))
            {
                Span();
            }
            else if ((tag & 0xf0) == 0x80 || tag == 0xde || tag == 0xdf)
            {
                SkipItems(2 * MapHeader(), depth);
            }
            else if ((tag & 0xf0) == 0x90 || tag == 0xdc || tag == 0xdd)
            {
                SkipItems(ArrayHeader(), depth);
            }
            else if (tag == 0xc0 || tag == 0xc2 || tag == 0xc3)
            {
                _at++;
            }
            else if (tag == 0xcf)
            {
                Natural();
            }
            else
            {
                Number();
            }
        }

        private void SkipItems(int items, int depth)
        {
            for (int i = 0; i < items; i++)
            {
                Skip(depth + 1);
            }
        }

        private static bool IsText(byte tag)
        {
            return (tag & 0xe0) == 0xa0 || (tag >= 0xd9 && tag <= 0xdb);
        }

        private TextSpan Span()
        {
            byte tag = Next();
            int length;
            if ((tag & 0xe0) == 0xa0)
            {
                length = tag & 0x1f;
            }
            else if (tag >= 0xd9 && tag <= 0xdb)
            {
                length = Bounded(BigEndian(1 << (tag - 0xd9)), MaxTextBytes, "bytes of a text");
            }
            else
            {
                throw Unexpected("a text", tag);
            }
            if (length > _end - _at)
            {
                throw Truncated();
            }
            TextSpan span = new TextSpan(_data, _at, length);
            _at += length;
            return span;
        }

        private byte Next()
        {
            if (_at >= _end)
            {
                throw Truncated();
            }
            return _data[_at++];
        }

        private ulong BigEndian(int bytes)
        {
            if (bytes > _end - _at)
            {
                throw Truncated();
            }
            ulong value = 0;
            for (int i = 0; i < bytes; i++)
            {
                value = (value << 8) | _data[_at++];
            }
            return value;
        }

        private static long Signed(ulong value)
        {
            if (value > long.MaxValue)
            {
                throw new WireException("an integer of at most 63 bits expected, got " + value);
            }
            return (long)value;
        }

        private static double Single(uint bits)
        {
            // No BitConverter call gives a float from bits without an array in every version of Unity.
            int exponent = (int)((bits >> 23) & 0xff);
            double fraction = bits & 0x7fffff;
            double sign = (bits >> 31) == 0 ? 1.0 : -1.0;
            if (exponent == 255)
            {
                return double.NaN;
            }
            return exponent == 0
                ? sign * fraction * Math.Pow(2.0, -149)
                : sign * (1.0 + fraction / 8388608.0) * Math.Pow(2.0, exponent - 127);
        }

        private static int Bounded(ulong value, int largest, string what)
        {
            if (value > (ulong)largest)
            {
                throw new WireException("at most " + largest + " " + what + " expected, got " + value);
            }
            return (int)value;
        }

        private static WireException Unexpected(string expected, byte tag)
        {
            return new WireException(expected + " expected, got the msgpack byte 0x" + tag.ToString("x2"));
        }

        private static WireException Truncated()
        {
            return new WireException("the message ends in the middle of a value");
        }
    }
}
