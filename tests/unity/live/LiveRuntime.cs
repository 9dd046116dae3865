using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;
using NUnit.Framework;
using SoundReactor.Editor;
using SoundReactor.Protocol;

namespace SoundReactor.Tests.Live
{
    /// <summary>A real runtime in its own process, started by the code that the editor panel uses.</summary>
    public sealed class LiveRuntime : IDisposable
    {
        private const int PatienceMs = 120000;
        private readonly string _folder;
        private readonly string _bundle;
        private readonly bool _isCapturing;
        private RuntimeProcess _process;

        public LiveRuntime(string bundle) : this(bundle, false)
        {
        }

        /// <summary><paramref name="isCapturing"/>: the runtime keeps what it hears and says in <see cref="CaptureFolder"/>.</summary>
        public LiveRuntime(string bundle, bool isCapturing)
        {
            _bundle = bundle;
            _isCapturing = isCapturing;
            _folder = Path.Combine(Path.GetTempPath(), "sr-unity-" + Guid.NewGuid().ToString("N"));
            Directory.CreateDirectory(_folder);
            Start();
        }

        /// <summary>The process with which the runtime ends: this one, as the editor does it.</summary>
        public int Companion = Process.GetCurrentProcess().Id;
        public string CaptureFolder { get { return Path.Combine(_folder, "captured"); } }
        public string ConnectionFilePath { get { return Path.Combine(_folder, "connection.json"); } }
        public ConnectionFile File { get { return ConnectionFile.TryRead(ConnectionFilePath); } }
        public bool IsRunning { get { return _process.IsRunning; } }
        public int Pid { get { return _process.Pid; } }
        public string Words { get { return _process.ReadLog(); } }

        public void Start()
        {
            string python = Environment.GetEnvironmentVariable("SR_TEST_PYTHON");
            Assert.That(python, Is.Not.Null, "SR_TEST_PYTHON names the Python with sr_runtime");
            System.IO.File.Delete(ConnectionFilePath);
            Dictionary<string, string> environment = new Dictionary<string, string>();
            environment["SR_CONNECTION_FILE"] = ConnectionFilePath;
            List<string> arguments = new List<string>(new[] { "-m", "sr_runtime" });
            arguments.AddRange(RuntimeProcess.ServeArguments(
                _bundle, "--endpoint tcp://127.0.0.1:0  --audio-device none", Companion));
            if (_isCapturing)
            {
                arguments.AddRange(new[] { "--capture", CaptureFolder });
            }
            _process = RuntimeProcess.Start(python, arguments, Path.Combine(_folder, "a log.txt"), environment);
            Wait.Until(delegate { return System.IO.File.Exists(ConnectionFilePath) || !_process.IsRunning; }, PatienceMs);
            Assert.That(_process.IsRunning, Words);
        }

        public ClientOptions Options()
        {
            ClientOptions options = new ClientOptions();
            options.ConnectionFilePath = ConnectionFilePath;
            options.Hello.Client = "mono tests";
            return options;
        }

        public void Kill()
        {
            _process.Kill();
            Wait.Until(delegate { return !_process.IsRunning; }, 5000);
        }

        public void Signal(string name)
        {
            Process.Start("kill", "-" + name + " " + Pid).WaitForExit();
        }

        public void Stop()
        {
            _process.RequestStop();
            Wait.Until(delegate { return !_process.IsRunning; }, 20000);
            Assert.That(!_process.IsRunning, "the runtime ends when asked to");
        }

        public void Dispose()
        {
            _process.Kill();
            Directory.Delete(_folder, true);
        }
    }
}
