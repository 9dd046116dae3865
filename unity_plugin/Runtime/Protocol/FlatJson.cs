using System.Collections.Generic;
using System.Globalization;
using System.Text;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// Reads the plain values of one JSON object (texts, numbers, true, false, null); nested values are skipped.
    /// Enough for the connection file, and free of reflection.
    /// </summary>
    public sealed class FlatJson
    {
        private const int MaxDepth = 16;
        private readonly string _text;
        private int _at;

        private FlatJson(string text)
        {
            _text = text;
        }

        /// <summary>Return key and value of every plain member, values as text without quotes.</summary>
        /// <exception cref="WireException">The text is no JSON object.</exception>
        public static Dictionary<string, string> Parse(string text)
        {
            FlatJson reader = new FlatJson(text);
            Dictionary<string, string> found = new Dictionary<string, string>();
            reader.Object(found, 0);
            reader.Space();
            if (reader._at != text.Length)
            {
                throw reader.Wrong("the end");
            }
            return found;
        }

        private void Object(Dictionary<string, string> found, int depth)
        {
            Expect('{');
            if (Accept('}'))
            {
                return;
            }
            do
            {
                Space();
                string key = Quoted();
                Expect(':');
                string value = Value(depth);
                if (found != null && value != null)
                {
                    found[key] = value;
                }
            }
            while (Accept(','));
            Expect('}');
        }

        private string Value(int depth)
        {
            if (depth > MaxDepth)
            {
                throw Wrong("less nesting");
            }
            Space();
            char next = _at < _text.Length ? _text[_at] : '\0';
            if (next == '"')
            {
                return Quoted();
            }
            if (next == '{')
            {
                Object(null, depth + 1);
                return null;
            }
            if (next == '[')
            {
                Array(depth + 1);
                return null;
            }
            return Word();
        }

        private void Array(int depth)
        {
            Expect('[');
            if (Accept(']'))
            {
                return;
            }
            do
            {
                Value(depth);
            }
            while (Accept(','));
            Expect(']');
        }

        private string Word()
        {
            int start = _at;
            while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || "+-.".IndexOf(_text[_at]) >= 0))
            {
                _at++;
            }
            if (start == _at)
            {
                throw Wrong("a value");
            }
            string word = _text.Substring(start, _at - start);
            return word == "null" ? null : word;
        }

        private string Quoted()
        {
            Expect('"');
            StringBuilder text = new StringBuilder();
            while (_at < _text.Length && _text[_at] != '"')
            {
                text.Append(_text[_at] == '\\' ? Escaped() : _text[_at++]);
            }
            Expect('"');
            return text.ToString();
        }

        private char Escaped()
        {
            _at++;
            char kind = _at < _text.Length ? _text[_at++] : '\0';
            switch (kind)
            {
                case 'n': return '\n';
                case 't': return '\t';
                case 'r': return '\r';
                case 'b': return '\b';
                case 'f': return '\f';
                case '"': case '\\': case '/': return kind;
                case 'u': return Unicode();
                default: throw Wrong("an escape");
            }
        }

        private char Unicode()
        {
            ushort code;
            if (_at + 4 > _text.Length || !ushort.TryParse(
                _text.Substring(_at, 4), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out code))
            {
                throw Wrong("four hexadecimal digits");
            }
            _at += 4;
            return (char)code;
        }

        private void Expect(char wanted)
        {
            if (!Accept(wanted))
            {
                throw Wrong("'" + wanted + "'");
            }
        }

        private bool Accept(char wanted)
        {
            if (wanted != '"' || _at >= _text.Length || _text[_at] != '"')
            {
                Space();
            }
            if (_at < _text.Length && _text[_at] == wanted)
            {
                _at++;
                return true;
            }
            return false;
        }

        private void Space()
        {
            while (_at < _text.Length && " \t\r\n".IndexOf(_text[_at]) >= 0)
            {
                _at++;
            }
        }

        private WireException Wrong(string expected)
        {
            return new WireException("JSON: " + expected + " expected at character " + _at);
        }
    }
}
