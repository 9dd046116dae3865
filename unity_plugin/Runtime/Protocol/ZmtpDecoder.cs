using System;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// Finds commands and messages in a stream of bytes that may be cut anywhere and may be hostile.
    /// Read from the socket into <see cref="Buffer"/> at <see cref="WriteAt"/>, then call <see cref="Advance"/>.
    /// The buffer grows to the largest message seen, at most to <see cref="MaxFrameBytes"/>. One thread.
    /// </summary>
    public sealed class ZmtpDecoder
    {
        /// <summary>A longer frame closes the connection; the longest real one is one second of sound.</summary>
        public const int MaxFrameBytes = 1 << 20;
        private const int InitialBytes = 1 << 16;

        private readonly IZmtpListener _listener;
        private byte[] _buffer = new byte[InitialBytes];
        private int _from;
        private int _to;
        private bool _isGreeted;
        private bool _isInMultipart;
        private bool _isReady;

        /// <summary>Create a decoder that reports to <paramref name="listener"/>.</summary>
        public ZmtpDecoder(IZmtpListener listener)
        {
            _listener = listener;
        }

        /// <summary>Where the socket writes.</summary>
        public byte[] Buffer { get { return _buffer; } }
        /// <summary>Index of the first free byte.</summary>
        public int WriteAt { get { return _to; } }
        /// <summary>Free bytes, always more than none.</summary>
        public int Room { get { return _buffer.Length - _to; } }
        /// <summary>Whether READY has come.</summary>
        public bool IsReady { get { return _isReady; } }
        /// <summary>Messages of several parts that were dropped: the protocol has none.</summary>
        public int MultipartDropped { get; private set; }

        /// <summary>Forget everything: a new connection begins.</summary>
        public void Reset()
        {
            _from = _to = 0;
            _isGreeted = _isInMultipart = _isReady = false;
        }

        /// <summary>Take in the next <paramref name="count"/> bytes at <see cref="WriteAt"/> and report what is whole.</summary>
        /// <exception cref="WireException">The bytes are no ZMTP: close the connection.</exception>
        public void Advance(int count)
        {
            _to += count;
            while (_isGreeted ? TakeFrame() : TakeGreeting())
            {
            }
            Compact();
        }

        private bool TakeGreeting()
        {
            // A greeting is checked as early as possible: a web server's first byte is enough.
            if (_to > _from && _buffer[_from] != 0xff)
            {
                throw new WireException("another program answers here: its first bytes are no ZeroMQ greeting");
            }
            if (_to - _from < Zmtp.GreetingBytes)
            {
                return false;
            }
            Zmtp.CheckGreeting(_buffer, _from);
            _from += Zmtp.GreetingBytes;
            _isGreeted = true;
            _listener.OnGreeting();
            return true;
        }

        private bool TakeFrame()
        {
            int there = _to - _from;
            if (there < 2)
            {
                return false;
            }
            byte flags = _buffer[_from];
            if ((flags & ~(Zmtp.More | Zmtp.Long | Zmtp.Command)) != 0)
            {
                throw new WireException("frame flags 0x" + flags.ToString("x2") + " have reserved bits set");
            }
            int header = (flags & Zmtp.Long) != 0 ? Zmtp.MaxHeaderBytes : 2;
            if (there < header)
            {
                return false;
            }
            int length = Length(header);
            if (there < header + length)
            {
                Grow(header + length);
                return false;
            }
            int at = _from + header;
            _from = at + length;
            Take(flags, at, length);
            return true;
        }

        private int Length(int header)
        {
            if (header == 2)
            {
                return _buffer[_from + 1];
            }
            ulong length = 0;
            for (int i = 1; i < Zmtp.MaxHeaderBytes; i++)
            {
                length = (length << 8) | _buffer[_from + i];
            }
            if (length > MaxFrameBytes)
            {
                throw new WireException("a frame of at most " + MaxFrameBytes + " bytes expected, got " + length);
            }
            return (int)length;
        }

        private void Take(byte flags, int at, int length)
        {
            if ((flags & Zmtp.Command) != 0)
            {
                TakeCommand(at, length);
                return;
            }
            if (!IsReady)
            {
                throw new WireException("a message came before READY");
            }
            bool isPart = _isInMultipart || (flags & Zmtp.More) != 0;
            _isInMultipart = (flags & Zmtp.More) != 0;
            if (!isPart)
            {
                _listener.OnMessage(_buffer, at, length);
            }
            else if (!_isInMultipart)
            {
                MultipartDropped++;
            }
        }

        private void TakeCommand(int at, int length)
        {
            if (Starts(at, length, "\u0005READY"))
            {
                _isReady = true;
                _listener.OnReady();
            }
            else if (Starts(at, length, "\u0004PING"))
            {
                if (length < 7 || length > 7 + 16)
                {
                    throw new WireException("a PING of 7 to 23 bytes expected, got " + length);
                }
                _listener.OnPing(_buffer, at + 7, length - 7);
            }
            else if (Starts(at, length, "\u0005ERROR"))
            {
                throw new WireException("the peer refused the connection (ZMTP ERROR)");
            }
            // PONG, SUBSCRIBE and commands of later versions need no answer.
        }

        private bool Starts(int at, int length, string name)
        {
            if (length < name.Length)
            {
                return false;
            }
            for (int i = 0; i < name.Length; i++)
            {
                if (_buffer[at + i] != name[i])
                {
                    return false;
                }
            }
            return true;
        }

        private void Grow(int bytes)
        {
            if (bytes > _buffer.Length)
            {
                byte[] larger = new byte[bytes];
                System.Buffer.BlockCopy(_buffer, _from, larger, 0, _to - _from);
                _buffer = larger;
                _to -= _from;
                _from = 0;
            }
        }

        private void Compact()
        {
            if (_from == _to)
            {
                _from = _to = 0;
            }
            else if (_from > 0 && (_to == _buffer.Length || _from > _buffer.Length / 2))
            {
                System.Buffer.BlockCopy(_buffer, _from, _buffer, 0, _to - _from);
                _to -= _from;
                _from = 0;
            }
        }
    }
}
