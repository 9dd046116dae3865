using System;
using System.Diagnostics;
using System.IO;
using NUnit.Framework;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>The token is in a file that is its user's alone, and goes to this machine's runtime alone.</summary>
    [TestFixture]
    public class ConnectionFilePrivacyTests
    {
        private string _path;

        [SetUp]
        public void WriteFile()
        {
            _path = Path.Combine(Path.GetTempPath(), "sr connection " + Guid.NewGuid().ToString("N") + ".json");
            File.WriteAllText(_path, "{\"endpoint\": \"tcp://127.0.0.1:5599\", \"token\": \"secret\"}");
            Run("chmod", "600");
        }

        [TearDown]
        public void DeleteFile()
        {
            File.Delete(_path);
        }

        private int Run(string command, string argument)
        {
            using (Process process = Process.Start(command, argument + " \"" + _path + "\""))
            {
                process.WaitForExit();
                return process.ExitCode;
            }
        }

        [TestCase("600")]
        [TestCase("400")]
        public void A_private_file_is_read(string mode)
        {
            Run("chmod", mode);
            Assert.That(ConnectionFile.TryRead(_path).Token, Is.EqualTo("secret"));
        }

        [TestCase("644")]
        [TestCase("640")]
        [TestCase("602")]
        [TestCase("601")]
        public void A_file_that_others_can_use_is_refused_with_the_command_that_mends_it(string mode)
        {
            Run("chmod", mode);
            WireException error = Assert.Throws<WireException>(delegate { ConnectionFile.TryRead(_path); });
            Assert.That(error.Message, Is.EqualTo(
                _path + " has mode 0" + mode + ": others can read the token; run: chmod 600 '" + _path + "'"));
        }

        [Test]
        public void Another_users_file_is_refused()
        {
            if (Run("chown", "4242") != 0)
            {
                Console.WriteLine("not tried: only root can give a file away");
                return;
            }
            WireException error = Assert.Throws<WireException>(delegate { ConnectionFile.TryRead(_path); });
            Assert.That(error.Message.Contains("belongs to user 4242"), error.Message);
        }

        [Test]
        public void The_link_says_what_to_do_about_a_file_that_others_can_read()
        {
            Run("chmod", "644");
            ClientOptions options = new ClientOptions();
            options.ConnectionFilePath = _path;
            using (RuntimeClient client = new RuntimeClient(options, new Listener()))
            {
                client.Start();
                Assert.That(Wait.Until(delegate { return client.State == LinkState.NobodyListens; }, 20000));
                Assert.That(client.LastFailure.Contains("chmod 600"), client.LastFailure);
            }
        }

        [TestCase("", "secret")]
        [TestCase("tcp://127.0.0.1:7000", "secret")]
        [TestCase("tcp://localhost:7000", "secret")]
        [TestCase("tcp://192.0.2.1:5599", null)]
        [TestCase("tcp://example.org:5599", null)]
        public void The_token_of_this_machine_goes_to_no_other(string endpoint, string sent)
        {
            ClientOptions options = new ClientOptions();
            options.ConnectionFilePath = _path;
            options.Endpoint = endpoint;
            Outbox outbox = new Outbox();
            Handshake handshake = new Handshake(options, new ControlSender(outbox, new Transport(null, outbox)));
            if (sent == null)
            {
                WireException error = Assert.Throws<WireException>(handshake.SayHello);
                Assert.That(error.Message.Contains(endpoint), error.Message);
                return;
            }
            handshake.SayHello();
            Assert.That(options.Hello.Token, Is.EqualTo(sent));
        }
    }
}
