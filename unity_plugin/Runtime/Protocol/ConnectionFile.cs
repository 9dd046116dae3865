using System;
using System.Collections.Generic;
using System.IO;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// The file in which a runtime on this machine says where it listens and which token it wants.
    /// The runtime writes it at start, readable by its user only, and removes it at its end.
    /// </summary>
    public sealed class ConnectionFile
    {
        /// <summary>Where a runtime listens by default.</summary>
        public const string DefaultEndpoint = "tcp://127.0.0.1:5599";
        /// <summary>Environment variable that names another file.</summary>
        public const string Variable = "SR_CONNECTION_FILE";
        private const int MaxBytes = 16384;

        /// <summary>Where the runtime listens.</summary>
        public string Endpoint { get; private set; }
        /// <summary>The token it wants.</summary>
        public string Token { get; private set; }
        /// <summary>Its process.</summary>
        public int Pid { get; private set; }
        /// <summary>Its version.</summary>
        public string ServerVersion { get; private set; }

        /// <summary>Whether this is macOS; PlatformID says Unix there.</summary>
        internal static bool IsMac { get { return Directory.Exists("/System/Library/CoreServices"); } }

        /// <summary>Return where this machine's runtime keeps its file, as PROTOCOL.md says.</summary>
        public static string DefaultPath()
        {
            string named = Environment.GetEnvironmentVariable(Variable);
            return string.IsNullOrEmpty(named)
                ? Path.Combine(Path.Combine(PrivateFolder(), "sr-runtime"), "connection.json")
                : named;
        }

        private static string PrivateFolder()
        {
            string home = Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);
            if (Environment.OSVersion.Platform == PlatformID.Win32NT)
            {
                string local = Environment.GetEnvironmentVariable("LOCALAPPDATA");
                return string.IsNullOrEmpty(local) ? Path.Combine(home, "AppData", "Local") : local;
            }
            if (IsMac)
            {
                return Path.Combine(home, "Library", "Caches");
            }
            string runtime = Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR");
            if (!string.IsNullOrEmpty(runtime) && Directory.Exists(runtime))
            {
                return runtime;
            }
            string cache = Environment.GetEnvironmentVariable("XDG_CACHE_HOME");
            return string.IsNullOrEmpty(cache) ? Path.Combine(home, ".cache") : cache;
        }

        /// <summary>Read the file; null if there is none.</summary>
        /// <exception cref="WireException">It is there but damaged, may not be read, or others can read it.</exception>
        public static ConnectionFile TryRead(string path)
        {
            try
            {
                FileInfo facts = new FileInfo(path);
                if (!facts.Exists)
                {
                    return null;
                }
                if (facts.Length > MaxBytes)
                {
                    throw new WireException(path + " is no connection file: it has " + facts.Length + " bytes");
                }
                FilePrivacy.Check(path);
                return Parse(File.ReadAllText(path));
            }
            catch (IOException)
            {
                return null; // removed or replaced in this moment
            }
            catch (UnauthorizedAccessException error)
            {
                throw new WireException("cannot read " + path + ": " + error.Message);
            }
            catch (ArgumentException error)
            {
                throw new WireException("'" + path + "' is no path for a connection file: " + error.Message);
            }
        }

        /// <summary>Read the content of a connection file.</summary>
        /// <exception cref="WireException">It is damaged.</exception>
        public static ConnectionFile Parse(string json)
        {
            Dictionary<string, string> values = FlatJson.Parse(json);
            ConnectionFile file = new ConnectionFile();
            file.Endpoint = Get(values, "endpoint");
            file.Token = Get(values, "token");
            file.ServerVersion = Get(values, "server_version");
            int pid;
            file.Pid = int.TryParse(Get(values, "pid"), out pid) ? pid : 0;
            if (file.Endpoint.Length == 0 || file.Token.Length == 0)
            {
                throw new WireException("a connection file needs 'endpoint' and 'token'; restart the runtime");
            }
            return file;
        }

        private static string Get(Dictionary<string, string> values, string key)
        {
            string value;
            return values.TryGetValue(key, out value) ? value : "";
        }
    }
}
