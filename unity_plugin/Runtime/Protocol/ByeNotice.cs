namespace SoundReactor.Protocol
{
    /// <summary>Either side ends the session.</summary>
    public static class ByeNotice
    {
        /// <summary>Write the message.</summary>
        public static void Write(MessagePackWriter writer, uint session, string reason)
        {
            writer.Begin(MessageKind.Bye);
            writer.Integer("session", session);
            writer.Text("reason", reason);
        }

        /// <summary>Read the reason out of the map behind the kind byte.</summary>
        /// <exception cref="WireException">It is malformed.</exception>
        public static string ParseReason(byte[] data, int at, int length)
        {
            MessagePackReader reader = new MessagePackReader(data, at, length);
            string reason = "";
            for (int keys = reader.MapHeader(); keys > 0; keys--)
            {
                if (reader.Key().Is("reason")) { reason = reader.Text(); }
                else { reader.Skip(); }
            }
            reader.End();
            return reason;
        }
    }
}
