using System;
using System.Text;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// The constant bytes of ZMTP 3.1 with the NULL mechanism, as a DEALER sends them.
    /// Source: the ZeroMQ message transport protocol, RFC 37/ZMTP.
    /// </summary>
    public static class Zmtp
    {
        /// <summary>Bytes of a greeting.</summary>
        public const int GreetingBytes = 64;
        /// <summary>Longest frame header: flags and eight bytes of length.</summary>
        public const int MaxHeaderBytes = 9;
        /// <summary>Flag: another part of this message follows.</summary>
        public const byte More = 1;
        /// <summary>Flag: the length has eight bytes.</summary>
        public const byte Long = 2;
        /// <summary>Flag: a command, not a message.</summary>
        public const byte Command = 4;

        /// <summary>Return this side's greeting: signature, version 3.1, mechanism NULL, no server.</summary>
        public static byte[] Greeting()
        {
            byte[] greeting = new byte[GreetingBytes];
            greeting[0] = 0xff;
            greeting[9] = 0x7f;
            greeting[10] = 3;
            greeting[11] = 1;
            Encoding.ASCII.GetBytes("NULL", 0, 4, greeting, 12);
            return greeting;
        }

        /// <summary>Return the READY command of a DEALER.</summary>
        public static byte[] Ready()
        {
            byte[] command = new byte[2 + 28];
            command[0] = Command;
            command[1] = 28;
            command[2] = 5;
            Encoding.ASCII.GetBytes("READY", 0, 5, command, 3);
            command[8] = 11;
            Encoding.ASCII.GetBytes("Socket-Type", 0, 11, command, 9);
            command[23] = 6;
            Encoding.ASCII.GetBytes("DEALER", 0, 6, command, 24);
            return command;
        }

        /// <summary>Return a PING without context, to be answered within the given tenths of a second.</summary>
        public static byte[] Ping(int ttlTenths)
        {
            return new byte[]
            {
                Command, 7, 4, (byte)'P', (byte)'I', (byte)'N', (byte)'G', (byte)(ttlTenths >> 8), (byte)ttlTenths
            };
        }

        /// <summary>Return the PONG that sends a PING's context back.</summary>
        public static byte[] Pong(byte[] data, int contextAt, int contextLength)
        {
            byte[] pong = new byte[7 + contextLength];
            pong[0] = Command;
            pong[1] = (byte)(5 + contextLength);
            pong[2] = 4;
            Encoding.ASCII.GetBytes("PONG", 0, 4, pong, 3);
            Buffer.BlockCopy(data, contextAt, pong, 7, contextLength);
            return pong;
        }

        /// <summary>Check the peer's greeting.</summary>
        /// <exception cref="WireException">It is no ZMTP 3 peer, or it wants another mechanism.</exception>
        public static void CheckGreeting(byte[] data, int at)
        {
            if (data[at] != 0xff || (data[at + 9] & 1) == 0)
            {
                throw new WireException("another program answers here: its first bytes are no ZeroMQ greeting");
            }
            if (data[at + 10] < 3)
            {
                throw new WireException("ZMTP 3 expected, the peer speaks version " + data[at + 10]);
            }
            string mechanism = Encoding.ASCII.GetString(data, at + 12, 20).TrimEnd('\0');
            if (mechanism != "NULL")
            {
                throw new WireException("mechanism NULL expected, the peer wants " + Printable(mechanism)
                    + "; this may be the runtime's encrypted endpoint");
            }
        }

        /// <summary>Write the header of a one-part message; returns its length, 2 or 9.</summary>
        public static int WriteMessageHeader(byte[] data, int at, int length)
        {
            if (length < 256)
            {
                data[at] = 0;
                data[at + 1] = (byte)length;
                return 2;
            }
            data[at] = Long;
            WriteLongLength(data, at + 1, length);
            return MaxHeaderBytes;
        }

        /// <summary>Write the eight bytes of a long length.</summary>
        public static void WriteLongLength(byte[] data, int at, long length)
        {
            for (int i = 7; i >= 0; i--, length >>= 8)
            {
                data[at + i] = (byte)length;
            }
        }

        private static string Printable(string text)
        {
            char[] kept = text.ToCharArray();
            for (int i = 0; i < kept.Length; i++)
            {
                kept[i] = kept[i] < ' ' || kept[i] > '~' ? '?' : kept[i];
            }
            return new string(kept);
        }
    }
}
