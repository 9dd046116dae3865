using System.Text;

namespace SoundReactor.Protocol
{
    /// <summary>A text inside a message, not yet copied out of it.</summary>
    public struct TextSpan
    {
        private readonly byte[] _data;
        private readonly int _at;
        private readonly int _length;

        internal TextSpan(byte[] data, int at, int length)
        {
            _data = data;
            _at = at;
            _length = length;
        }

        /// <summary>Tell whether the text is <paramref name="ascii"/>. Nothing is allocated.</summary>
        public bool Is(string ascii)
        {
            if (ascii.Length != _length)
            {
                return false;
            }
            for (int i = 0; i < _length; i++)
            {
                if (_data[_at + i] != ascii[i])
                {
                    return false;
                }
            }
            return true;
        }

        /// <summary>Return the text; bytes that are no UTF-8 become replacement characters.</summary>
        public override string ToString()
        {
            return _length == 0 ? "" : Encoding.UTF8.GetString(_data, _at, _length);
        }
    }
}
