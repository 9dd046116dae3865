namespace SoundReactor.Protocol
{
    /// <summary>
    /// Writes control messages and lets them wait for the writer's thread. Every method returns false if too much
    /// waits already. Thread: any.
    /// </summary>
    internal sealed class ControlSender
    {
        private readonly MessagePackWriter _writer = new MessagePackWriter();
        private readonly Outbox _outbox;
        private readonly Transport _transport;

        internal ControlSender(Outbox outbox, Transport transport)
        {
            _outbox = outbox;
            _transport = transport;
        }

        internal bool SayHello(Hello hello)
        {
            lock (_writer)
            {
                hello.Write(_writer);
                return Send();
            }
        }

        internal bool SayBye(uint session, string reason)
        {
            lock (_writer)
            {
                ByeNotice.Write(_writer, session, reason);
                return Send();
            }
        }

        internal bool Change(uint session, ControlChange change)
        {
            lock (_writer)
            {
                change.Write(_writer, session);
                return Send();
            }
        }

        internal bool Ping(uint session)
        {
            lock (_writer)
            {
                _writer.Begin(MessageKind.Ping);
                _writer.Integer("session", session);
                _writer.Integer("t0_ns", MonotonicClock.NowNs);
                return Send();
            }
        }

        private bool Send()
        {
            byte[] header = new byte[Zmtp.MaxHeaderBytes];
            int headerBytes = Zmtp.WriteMessageHeader(header, 0, _writer.Length);
            byte[] message = new byte[headerBytes + _writer.Length];
            System.Buffer.BlockCopy(header, 0, message, 0, headerBytes);
            System.Buffer.BlockCopy(_writer.Data, 0, message, headerBytes, _writer.Length);
            bool isTaken = _outbox.Add(message);
            _transport.Wake();
            return isTaken;
        }
    }
}
