using System.Globalization;
using System.Net;

namespace SoundReactor.Protocol
{
    /// <summary>An address of the form <c>tcp://host:port</c>.</summary>
    public struct Endpoint
    {
        private const string Scheme = "tcp://";

        /// <summary>Host name or address.</summary>
        public string Host { get; private set; }
        /// <summary>TCP port.</summary>
        public int Port { get; private set; }

        /// <summary>Read an endpoint; false if it is none.</summary>
        public static bool TryParse(string text, out Endpoint endpoint)
        {
            endpoint = new Endpoint();
            int colon = text == null ? -1 : text.LastIndexOf(':');
            if (colon <= Scheme.Length || !text.StartsWith(Scheme, System.StringComparison.Ordinal))
            {
                return false;
            }
            int port;
            string host = text.Substring(Scheme.Length, colon - Scheme.Length).Trim('[', ']');
            bool isPort = int.TryParse(
                text.Substring(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out port);
            if (!isPort || port < 1 || port > 65535 || host.IndexOf('/') >= 0)
            {
                return false;
            }
            endpoint.Host = host;
            endpoint.Port = port;
            return true;
        }

        /// <summary>Whether this names the machine itself, as an address or as "localhost"; asks nobody.</summary>
        public bool IsLoopback
        {
            get
            {
                IPAddress address;
                return Host == "localhost" || (IPAddress.TryParse(Host, out address) && IPAddress.IsLoopback(address));
            }
        }

        /// <summary>Return the address; may ask the name service, so call it off the main thread.</summary>
        public IPAddress Resolve()
        {
            IPAddress address;
            if (Host == "localhost")
            {
                return IPAddress.Loopback; // the runtime binds IPv4 loopback
            }
            if (IPAddress.TryParse(Host, out address))
            {
                return address;
            }
            IPAddress[] found = Dns.GetHostAddresses(Host);
            if (found.Length == 0)
            {
                throw new WireException("no address for the host " + Host);
            }
            return found[0];
        }
    }
}
