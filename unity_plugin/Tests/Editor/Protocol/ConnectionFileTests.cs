using System;
using System.IO;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Protocol
{
    /// <summary>Where to connect and with which token.</summary>
    public class ConnectionFileTests
    {
        private const string Json = "{\"endpoint\": \"tcp://127.0.0.1:5599\", \"token\": \"a\\u0062\\\"c\",\n \"pid\": 42,"
            + " \"protocol\": 1, \"server_version\": \"0.1.0\", \"curve\": {\"endpoint\": \"x\", \"n\": [1, {\"a\": []}]}}";

        [Test]
        public void It_reads_the_plain_members_and_skips_the_others()
        {
            ConnectionFile file = ConnectionFile.Parse(Json);
            Assert.That(file.Endpoint, Is.EqualTo("tcp://127.0.0.1:5599"));
            Assert.That(file.Token, Is.EqualTo("ab\"c"));
            Assert.That(file.Pid, Is.EqualTo(42));
            Assert.That(file.ServerVersion, Is.EqualTo("0.1.0"));
        }

        [Test]
        public void Null_members_count_as_absent()
        {
            Assert.That(ConnectionFile.Parse("{\"endpoint\":\"e\",\"token\":\"t\",\"curve\":null}").Endpoint, Is.EqualTo("e"));
        }

        [TestCase("")]
        [TestCase("{")]
        [TestCase("{}")]
        [TestCase("[]")]
        [TestCase("{\"endpoint\":\"e\"}")]
        [TestCase("{\"endpoint\":\"e\",\"token\":\"t\"} x")]
        [TestCase("{\"endpoint\":\"e\",\"token\":\"t\\u00g0\"}")]
        [TestCase("{\"endpoint\" \"e\"}")]
        public void A_damaged_file_is_a_wire_exception(string json)
        {
            Assert.Throws<WireException>(delegate { ConnectionFile.Parse(json); });
        }

        [Test]
        public void Cut_files_are_refused_at_every_length()
        {
            for (int length = 0; length < Json.Length; length++)
            {
                string cut = Json.Substring(0, length);
                Assert.Throws<WireException>(delegate { ConnectionFile.Parse(cut); });
            }
        }

        [Test]
        public void A_missing_file_is_null()
        {
            string nowhere = Path.Combine(Path.GetTempPath(), Guid.NewGuid().ToString());
            Assert.That(ConnectionFile.TryRead(nowhere), Is.Null);
        }

        [Test]
        public void The_variable_names_another_file()
        {
            string before = Environment.GetEnvironmentVariable(ConnectionFile.Variable);
            try
            {
                Environment.SetEnvironmentVariable(ConnectionFile.Variable, "/elsewhere");
                Assert.That(ConnectionFile.DefaultPath(), Is.EqualTo("/elsewhere"));
                Environment.SetEnvironmentVariable(ConnectionFile.Variable, null);
                Assert.That(ConnectionFile.DefaultPath().EndsWith("connection.json"));
            }
            finally
            {
                Environment.SetEnvironmentVariable(ConnectionFile.Variable, before);
            }
        }

        [TestCase("tcp://127.0.0.1:5599", "127.0.0.1", 5599)]
        [TestCase("tcp://localhost:1", "localhost", 1)]
        [TestCase("tcp://[::1]:65535", "::1", 65535)]
        public void An_endpoint_is_read(string text, string host, int port)
        {
            Endpoint endpoint;
            Assert.That(Endpoint.TryParse(text, out endpoint));
            Assert.That(endpoint.Host, Is.EqualTo(host));
            Assert.That(endpoint.Port, Is.EqualTo(port));
        }

        [TestCase("")]
        [TestCase(null)]
        [TestCase("127.0.0.1:5599")]
        [TestCase("tcp://:5599")]
        [TestCase("tcp://host")]
        [TestCase("tcp://host:0")]
        [TestCase("tcp://host:65536")]
        [TestCase("tcp://host:-1")]
        [TestCase("ipc:///tmp/x:1")]
        public void No_endpoint_is_made_of_anything_else(string text)
        {
            Endpoint endpoint;
            Assert.That(!Endpoint.TryParse(text, out endpoint));
        }
    }
}
