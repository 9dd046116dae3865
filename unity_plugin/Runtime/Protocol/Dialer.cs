using System;
using System.Net;
using System.Net.Sockets;

namespace SoundReactor.Protocol
{
    /// <summary>Makes a TCP connection without waiting in the kernel for more than a slice of time at once.</summary>
    internal static class Dialer
    {
        private const int TimeoutMs = 1000;
        private const int BufferBytes = 1 << 18; // more would only let stale frames queue up

        /// <summary>Return a connected, non-blocking socket; null if nobody listens or <paramref name="isStopping"/>.</summary>
        internal static Socket Connect(Endpoint endpoint, int sliceUs, Func<bool> isStopping)
        {
            IPAddress address = endpoint.Resolve();
            Socket socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            socket.Blocking = false;
            socket.NoDelay = true;
            socket.SendBufferSize = BufferBytes;
            socket.ReceiveBufferSize = BufferBytes;
            if (Begin(socket, new IPEndPoint(address, endpoint.Port)) && IsConnected(socket, sliceUs, isStopping))
            {
                return socket;
            }
            socket.Close();
            return null;
        }

        private static bool Begin(Socket socket, IPEndPoint place)
        {
            try
            {
                socket.Connect(place);
                return true;
            }
            catch (SocketException error)
            {
                return error.SocketErrorCode == SocketError.WouldBlock || error.SocketErrorCode == SocketError.InProgress;
            }
        }

        private static bool IsConnected(Socket socket, int sliceUs, Func<bool> isStopping)
        {
            long startNs = MonotonicClock.NowNs;
            while (!isStopping() && MonotonicClock.MsSince(startNs) < TimeoutMs)
            {
                if (socket.Poll(sliceUs, SelectMode.SelectWrite))
                {
                    return (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.Error) == 0;
                }
                if (socket.Poll(0, SelectMode.SelectError))
                {
                    return false; // how Windows reports a refusal
                }
            }
            return false;
        }
    }
}
