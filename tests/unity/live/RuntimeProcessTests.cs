using System;
using System.Collections.Generic;
using System.IO;
using NUnit.Framework;
using SoundReactor.Editor;

namespace SoundReactor.Tests.Live
{
    /// <summary>Starting programs as the editor panel does.</summary>
    [TestFixture]
    public class RuntimeProcessTests
    {
        private string _log;

        [SetUp]
        public void NameLog()
        {
            _log = Path.Combine(Path.GetTempPath(), "sr log " + Guid.NewGuid().ToString("N") + ".txt");
        }

        [TearDown]
        public void DeleteLog()
        {
            File.Delete(_log);
        }

        private RuntimeProcess Run(string command, params string[] arguments)
        {
            Dictionary<string, string> environment = new Dictionary<string, string>();
            environment["SR_TEST_VALUE"] = "from outside";
            RuntimeProcess process = RuntimeProcess.Start(command, arguments, _log, environment);
            Wait.Until(delegate { return !process.IsRunning; }, 20000);
            return process;
        }

        [Test]
        public void A_command_that_does_not_exist_is_named_in_its_words()
        {
            RuntimeProcess process = Run("no-such-sr-runtime", "serve");
            Assert.That(!process.IsRunning);
            Assert.That(process.ReadLog().Contains("no-such-sr-runtime"), process.ReadLog());
            Assert.That(RuntimeProcess.Find(process.Pid, _log), Is.Null);
            Assert.That(RuntimeProcess.Ended(_log).ReadLog(), Is.EqualTo(process.ReadLog()));
            process.RequestStop();
            process.Kill();
        }

        [Test]
        public void Arguments_arrive_as_they_are()
        {
            string[] arguments = { "a b", "it's", "\"quoted\"", "back\\slash", "$HOME", "`date`", "" };
            RuntimeProcess process = Run("printf", "[%s]", arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5], arguments[6]);
            Assert.That(process.ReadLog(), Is.EqualTo("[" + string.Join("][", arguments) + "]"));
        }

        [Test]
        public void Environment_and_error_output_arrive()
        {
            RuntimeProcess process = Run("sh", "-c", "echo \"$SR_TEST_VALUE\" >&2");
            Assert.That(process.ReadLog().Trim(), Is.EqualTo("from outside"));
        }

        [Test]
        public void A_runtime_ends_with_the_editor_that_is_killed()
        {
            RuntimeProcess editor = RuntimeProcess.Start("sleep", new[] { "600" }, _log, new Dictionary<string, string>());
            using (LiveRuntime runtime = new LiveRuntime("probe"))
            {
                runtime.Kill();
                runtime.Companion = editor.Pid;
                runtime.Start();
                editor.Kill();
                Assert.That(Wait.Until(delegate { return !runtime.IsRunning; }, 30000), runtime.Words);
                Assert.That(runtime.File, Is.Null, "it ended in order");
            }
        }

        [Test]
        public void A_running_one_is_found_again_and_ends_when_asked()
        {
            RuntimeProcess process = RuntimeProcess.Start("sleep", new[] { "60" }, _log, new Dictionary<string, string>());
            RuntimeProcess again = RuntimeProcess.Find(process.Pid, _log);
            Assert.That(again, Is.Not.Null);
            Assert.That(process.StartedAt, Is.GreaterThan(0));
            Assert.That(RuntimeProcess.Find(process.Pid, process.StartedAt, _log), Is.Not.Null);
            Assert.That(RuntimeProcess.Find(process.Pid, process.StartedAt - 60, _log), Is.Null, "another program by now");
            again.RequestStop();
            Assert.That(Wait.Until(delegate { return !process.IsRunning; }, 10000));
        }
    }
}
