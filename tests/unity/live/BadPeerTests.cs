using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>Peers that are no runtime, or a broken one, on a real socket.</summary>
    [TestFixture]
    public class BadPeerTests
    {
        private const int PatienceMs = 20000;

        /// <summary>Accepts connections and does with each what it is told.</summary>
        private sealed class Peer : IDisposable
        {
            private readonly TcpListener _listener = new TcpListener(IPAddress.Loopback, 0);
            private readonly List<Socket> _accepted = new List<Socket>();
            private readonly Thread _thread;
            private volatile bool _isClosing;

            public Peer(Action<Socket> greet)
            {
                _listener.Start();
                _thread = new Thread(delegate()
                {
                    while (!_isClosing)
                    {
                        if (!_listener.Server.Poll(10000, SelectMode.SelectRead))
                        {
                            continue;
                        }
                        Socket socket = _listener.AcceptSocket();
                        _accepted.Add(socket);
                        try
                        {
                            greet(socket);
                        }
                        catch (SocketException)
                        {
                            // the client has gone
                        }
                    }
                });
                _thread.Start();
            }

            public ClientOptions Options
            {
                get
                {
                    ClientOptions options = new ClientOptions();
                    options.Endpoint = "tcp://127.0.0.1:" + ((IPEndPoint)_listener.LocalEndpoint).Port;
                    options.Token = "any";
                    return options;
                }
            }

            public void Dispose()
            {
                _isClosing = true;
                _thread.Join();
                _listener.Stop();
                foreach (Socket socket in _accepted)
                {
                    socket.Close();
                }
            }
        }

        private static byte[] Handshake()
        {
            List<byte> bytes = new List<byte>(Zmtp.Greeting());
            bytes.AddRange(Zmtp.Ready());
            return bytes.ToArray();
        }

        private static byte[] Message(byte[] body)
        {
            byte[] header = new byte[9];
            int length = Zmtp.WriteMessageHeader(header, 0, body.Length);
            byte[] message = new byte[length + body.Length];
            Array.Copy(header, message, length);
            Array.Copy(body, 0, message, length, body.Length);
            return message;
        }

        private static readonly byte[] Welcome =
        {
            4, 0x81, 0xa7, (byte)'s', (byte)'e', (byte)'s', (byte)'s', (byte)'i', (byte)'o', (byte)'n', 9
        };

        private static RuntimeClient Started(Peer peer)
        {
            RuntimeClient client = new RuntimeClient(peer.Options, new Listener());
            client.Start();
            return client;
        }

        private static void Expect(RuntimeClient client, LinkState state)
        {
            Wait.Until(delegate { return client.State == state; }, PatienceMs);
            Assert.That(client.State, Is.EqualTo(state), client.LastFailure);
        }

        [Test]
        public void A_peer_that_accepts_and_says_nothing_is_silent()
        {
            using (Peer peer = new Peer(delegate { }))
            using (RuntimeClient client = Started(peer))
            {
                Expect(client, LinkState.Silent);
                Assert.That(client.LastFailure.Contains("does not answer"), client.LastFailure);
            }
        }

        [Test]
        public void A_peer_that_shakes_hands_and_never_welcomes_is_silent()
        {
            using (Peer peer = new Peer(delegate(Socket socket) { socket.Send(Handshake()); }))
            using (RuntimeClient client = Started(peer))
            {
                Expect(client, LinkState.Silent);
            }
        }

        [Test]
        public void A_web_server_on_the_port_is_named()
        {
            byte[] answer = System.Text.Encoding.ASCII.GetBytes("HTTP/1.1 400 Bad Request\r\n\r\n");
            using (Peer peer = new Peer(delegate(Socket socket) { socket.Send(answer); }))
            using (RuntimeClient client = Started(peer))
            {
                Expect(client, LinkState.Silent);
                Assert.That(client.LastFailure.Contains("another program"), client.LastFailure);
            }
        }

        [Test]
        public void Nobody_on_the_port_is_said_so()
        {
            ClientOptions options;
            using (Peer peer = new Peer(delegate { }))
            {
                options = peer.Options;
            }
            using (RuntimeClient client = new RuntimeClient(options, new Listener()))
            {
                client.Start();
                Expect(client, LinkState.NobodyListens);
            }
        }

        [Test]
        public void A_nonsense_endpoint_is_a_message_and_no_crash()
        {
            ClientOptions options = new ClientOptions();
            options.Endpoint = "nonsense";
            options.Token = "any";
            using (RuntimeClient client = new RuntimeClient(options, new Listener()))
            {
                client.Start();
                Expect(client, LinkState.NobodyListens);
                Assert.That(client.LastFailure.Contains("tcp://127.0.0.1:5599"), client.LastFailure);
            }
        }

        [Test]
        public void A_peer_that_never_reads_stops_neither_frames_nor_dispose()
        {
            using (Peer peer = new Peer(delegate(Socket socket)
            {
                socket.ReceiveBufferSize = 4096;
                socket.Send(Handshake());
                socket.Send(Message(Welcome));
            }))
            using (RuntimeClient client = Started(peer))
            {
                Expect(client, LinkState.Running);
                double worstMs = 0;
                for (int i = 0; i < 100; i++)
                {
                    long start = MonotonicClock.NowNs;
                    Source.Send(client, (byte)i);
                    worstMs = Math.Max(worstMs, MonotonicClock.MsSince(start));
                    Thread.Sleep(1);
                }
                Console.WriteLine("peer that never reads: worst send " + worstMs.ToString("f1") + " ms");
                Assert.That(worstMs, Is.LessThan(100));
                Assert.That(client.Statistics.FramesReplaced, Is.GreaterThan(0));
                long disposing = MonotonicClock.NowNs;
                client.Dispose();
                Assert.That(MonotonicClock.MsSince(disposing), Is.LessThan(1000));
            }
        }

        [Test]
        public void Random_bytes_after_a_good_handshake_end_nothing_but_the_connection()
        {
            Random random = new Random(3);
            using (Peer peer = new Peer(delegate(Socket socket)
            {
                socket.Send(Handshake());
                socket.Send(Message(Welcome));
                byte[] noise = new byte[random.Next(1, 3000)];
                random.NextBytes(noise);
                socket.Send(random.Next(2) == 0 ? noise : Message(noise));
                socket.Close();
            }))
            using (RuntimeClient client = Started(peer))
            {
                Assert.That(Wait.Until(delegate { return client.Statistics.Sessions >= 8; }, PatienceMs),
                    client.Statistics.Sessions + " sessions; " + client.LastFailure);
            }
        }

        /// <summary>A listener with a mistake in it.</summary>
        private sealed class Broken : IHopReceiver
        {
            public void OnSessionStarted(Welcome welcome)
            {
                throw new InvalidOperationException("a mistake in the game");
            }

            public void OnHop(ref AudioHeader header, float[] samples)
            {
            }

            public void OnSessionEnded()
            {
            }
        }

        [Test]
        public void A_listener_that_throws_is_named_and_ends_no_thread()
        {
            int greeted = 0;
            using (Peer peer = new Peer(delegate(Socket socket)
            {
                greeted++;
                socket.Send(Handshake());
                socket.Send(Message(Welcome));
            }))
            using (RuntimeClient client = new RuntimeClient(peer.Options, new Broken()))
            {
                client.Start();
                Assert.That(Wait.Until(delegate { return greeted >= 3; }, PatienceMs), "connects again: " + greeted);
                Assert.That(client.LastFailure.Contains("a mistake in the game"), client.LastFailure);
            }
        }

        [Test]
        public void A_disposed_client_takes_frames_and_controls_to_nowhere_and_does_not_start_again()
        {
            using (Peer peer = new Peer(delegate(Socket socket)
            {
                socket.Send(Handshake());
                socket.Send(Message(Welcome));
            }))
            {
                RuntimeClient client = Started(peer);
                Expect(client, LinkState.Running);
                FrameBuffer frame = client.BeginFrame(16, 16, FrameFormat.Rgba8, 1024);
                client.Dispose();
                client.CommitFrame(frame, FrameFlags.None, 0, 0);
                Assert.That(!client.Control(new ControlChange()));
                Assert.That(!client.Ping());
                Assert.That(client.State, Is.EqualTo(LinkState.Closed));
                Assert.Throws<ObjectDisposedException>(client.Start);
                client.Dispose();
            }
        }

        /// <summary>Notes the kinds of messages that a client sends.</summary>
        private sealed class Kinds : IZmtpListener
        {
            public readonly List<MessageKind> Heard = new List<MessageKind>();

            public void OnGreeting()
            {
            }

            public void OnReady()
            {
            }

            public void OnPing(byte[] data, int contextAt, int contextLength)
            {
            }

            public void OnMessage(byte[] data, int at, int length)
            {
                lock (Heard)
                {
                    Heard.Add((MessageKind)data[at]);
                }
            }

            /// <summary>Listen until the client closes the connection.</summary>
            public void Follow(Socket socket)
            {
                ZmtpDecoder decoder = new ZmtpDecoder(this);
                for (int count = 1; count > 0;)
                {
                    count = socket.Receive(decoder.Buffer, decoder.WriteAt, decoder.Room, SocketFlags.None);
                    decoder.Advance(count);
                }
            }
        }

        [Test]
        public void Bye_is_the_last_word_and_no_frame_follows_it()
        {
            for (int i = 0; i < 20; i++)
            {
                Kinds kinds = new Kinds();
                using (Peer peer = new Peer(delegate(Socket socket)
                {
                    socket.Send(Handshake());
                    socket.Send(Message(Welcome));
                    kinds.Follow(socket);
                }))
                {
                    RuntimeClient client = Started(peer);
                    Expect(client, LinkState.Running);
                    Source.Send(client, 1);
                    client.Dispose();
                }
                Assert.That(kinds.Heard[0], Is.EqualTo(MessageKind.Hello));
                Assert.That(kinds.Heard[kinds.Heard.Count - 1], Is.EqualTo(MessageKind.Bye), "round " + i);
            }
        }

        [Test]
        public void A_frame_cannot_claim_more_bytes_than_it_has()
        {
            using (Peer peer = new Peer(delegate(Socket socket)
            {
                socket.Send(Handshake());
                socket.Send(Message(Welcome));
            }))
            using (RuntimeClient client = Started(peer))
            {
                Expect(client, LinkState.Running);
                Assert.Throws<ArgumentOutOfRangeException>(delegate { client.BeginFrame(1, 1, FrameFormat.Jpeg, -1); });
                FrameBuffer frame = client.BeginFrame(16, 16, FrameFormat.Jpeg, 1024);
                Assert.Throws<ArgumentOutOfRangeException>(delegate { frame.PayloadBytes = 1025; });
                frame.PayloadBytes = 1000;
                client.CancelFrame(frame);
            }
        }

        [Test]
        public void A_ping_is_answered_with_its_context()
        {
            byte[] ping = { 4, 9, 4, (byte)'P', (byte)'I', (byte)'N', (byte)'G', 0, 15, 0xab, 0xcd };
            byte[] expected = { 4, 7, 4, (byte)'P', (byte)'O', (byte)'N', (byte)'G', 0xab, 0xcd };
            string heard = "";
            using (Peer peer = new Peer(delegate(Socket socket)
            {
                socket.Send(Handshake());
                socket.Send(ping);
                byte[] data = new byte[4096];
                for (int i = 0; i < 10 && !heard.Contains(BitConverter.ToString(expected)); i++)
                {
                    heard += "-" + BitConverter.ToString(data, 0, socket.Receive(data));
                }
            }))
            using (Started(peer))
            {
                Assert.That(Wait.Until(delegate { return heard.Contains(BitConverter.ToString(expected)); }, PatienceMs), heard);
            }
        }
    }
}
