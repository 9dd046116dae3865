using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Text;

namespace SoundReactor.Editor
{
    /// <summary>
    /// A runtime started as a child of the editor. Its words go to a log file, not to a pipe: a pipe would break,
    /// and the runtime with it, when a domain reload ends the reader. It can be found again by its process id.
    /// No method waits for the process.
    /// </summary>
    public sealed class RuntimeProcess
    {
        private const int ShownLogBytes = 8192;
        private const int StartToleranceS = 30; // it is reckoned from the time since boot, and clocks are set
        private static readonly DateTime Epoch = new DateTime(2020, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        private readonly Process _process;
        private readonly string _logPath;

        private RuntimeProcess(Process process, string logPath)
        {
            _process = process;
            _logPath = logPath;
        }

        /// <summary>Process id; keep it to find the runtime again after a domain reload. 0: has ended long ago.</summary>
        public int Pid { get { return _process == null ? 0 : _process.Id; } }

        /// <summary>
        /// When it began, in seconds; keep it with the process id, which the system gives to another program one day.
        /// 0 if the system does not say.
        /// </summary>
        public int StartedAt
        {
            get
            {
                try
                {
                    TimeSpan age = _process == null ? TimeSpan.Zero : _process.StartTime.ToUniversalTime() - Epoch;
                    return (int)age.TotalSeconds;
                }
                catch (InvalidOperationException)
                {
                    return 0;
                }
                catch (System.ComponentModel.Win32Exception)
                {
                    return 0;
                }
            }
        }

        /// <summary>Whether it runs.</summary>
        public bool IsRunning
        {
            get
            {
                try
                {
                    return _process != null && !_process.HasExited;
                }
                catch (InvalidOperationException)
                {
                    return false;
                }
            }
        }

        /// <summary>
        /// Return the arguments of 'serve' for a runtime that ends with the process <paramref name="companion"/>, however that
        /// one ends. <paramref name="more"/>: further ones, separated by spaces.
        /// </summary>
        public static List<string> ServeArguments(string bundle, string more, int companion)
        {
            List<string> arguments = new List<string>();
            arguments.AddRange(new[] { "serve", "--bundle", bundle, "--exit-with-pid", companion.ToString() });
            arguments.AddRange(more.Split(new[] { ' ' }, StringSplitOptions.RemoveEmptyEntries));
            return arguments;
        }

        /// <summary>Start <paramref name="command"/> with arguments; both may contain spaces.</summary>
        /// <exception cref="InvalidOperationException">The system cannot start it; the message says why.</exception>
        public static RuntimeProcess Start(
            string command, IList<string> arguments, string logPath, IDictionary<string, string> environment)
        {
            ProcessStartInfo info = IsWindows
                ? WindowsShell(command, arguments, logPath)
                : UnixShell(command, arguments, logPath);
            info.UseShellExecute = false;
            info.CreateNoWindow = true;
            foreach (KeyValuePair<string, string> item in environment)
            {
                info.EnvironmentVariables[item.Key] = item.Value;
            }
            try
            {
                File.WriteAllText(logPath, "");
                return new RuntimeProcess(Process.Start(info), logPath);
            }
            catch (System.ComponentModel.Win32Exception error)
            {
                throw new InvalidOperationException("cannot start '" + command + "': " + error.Message);
            }
            catch (IOException error)
            {
                throw new InvalidOperationException("cannot write " + logPath + ": " + error.Message);
            }
            catch (UnauthorizedAccessException error)
            {
                throw new InvalidOperationException("cannot write " + logPath + ": " + error.Message);
            }
        }

        /// <summary>Find a runtime that an earlier domain has started; null if it has ended, though its number lives on.</summary>
        public static RuntimeProcess Find(int pid, int startedAt, string logPath)
        {
            RuntimeProcess found = Find(pid, logPath);
            return found != null && Math.Abs(found.StartedAt - startedAt) <= StartToleranceS ? found : null;
        }

        /// <summary>Find a process by its number alone; null if there is none.</summary>
        public static RuntimeProcess Find(int pid, string logPath)
        {
            try
            {
                Process process = Process.GetProcessById(pid);
                return process.HasExited ? null : new RuntimeProcess(process, logPath);
            }
            catch (ArgumentException)
            {
                return null;
            }
            catch (InvalidOperationException)
            {
                return null;
            }
        }

        /// <summary>Return one that has ended, for its words.</summary>
        public static RuntimeProcess Ended(string logPath)
        {
            return new RuntimeProcess(null, logPath);
        }

        /// <summary>Ask it to end, as Ctrl-C does; on Windows it is ended at once, with its children.</summary>
        public void RequestStop()
        {
            if (!IsRunning)
            {
                return;
            }
            if (IsWindows)
            {
                Tell("taskkill", "/T /F /PID " + Pid);
            }
            else
            {
                Tell("kill", "-TERM " + Pid);
            }
        }

        /// <summary>End it at once.</summary>
        public void Kill()
        {
            if (!IsRunning)
            {
                return;
            }
            try
            {
                _process.Kill();
            }
            catch (InvalidOperationException)
            {
                // has ended by itself
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // is ending
            }
        }

        /// <summary>Return the last lines that it has written.</summary>
        public string ReadLog()
        {
            try
            {
                using (FileStream file = new FileStream(_logPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite))
                {
                    file.Seek(-Math.Min(file.Length, ShownLogBytes), SeekOrigin.End);
                    return new StreamReader(file, Encoding.UTF8).ReadToEnd();
                }
            }
            catch (IOException)
            {
                return "";
            }
        }

        private static bool IsWindows
        {
            get { return Environment.OSVersion.Platform == PlatformID.Win32NT; }
        }

        private static ProcessStartInfo UnixShell(string command, IList<string> arguments, string logPath)
        {
            // "exec" makes the shell become the runtime, so that the process id is the runtime's.
            StringBuilder line = new StringBuilder("exec ").Append(UnixQuoted(command));
            foreach (string argument in arguments)
            {
                line.Append(' ').Append(UnixQuoted(argument));
            }
            line.Append(" >").Append(UnixQuoted(logPath)).Append(" 2>&1 </dev/null");
            ProcessStartInfo info = new ProcessStartInfo("/bin/sh");
            info.Arguments = "-c \"" + line.ToString().Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
            return info;
        }

        private static ProcessStartInfo WindowsShell(string command, IList<string> arguments, string logPath)
        {
            StringBuilder line = new StringBuilder(WindowsQuoted(command));
            foreach (string argument in arguments)
            {
                line.Append(' ').Append(WindowsQuoted(argument));
            }
            line.Append(" > ").Append(WindowsQuoted(logPath)).Append(" 2>&1");
            return new ProcessStartInfo("cmd.exe", "/s /c \"" + line + "\"");
        }

        private static string UnixQuoted(string text)
        {
            return "'" + text.Replace("'", "'\\''") + "'";
        }

        private static string WindowsQuoted(string text)
        {
            return "\"" + text.Replace("\"", "") + "\"";
        }

        private static void Tell(string command, string arguments)
        {
            ProcessStartInfo info = new ProcessStartInfo(command, arguments);
            info.UseShellExecute = false;
            info.CreateNoWindow = true;
            try
            {
                Process.Start(info).Dispose();
            }
            catch (System.ComponentModel.Win32Exception)
            {
                // no such command on this system: Kill remains
            }
        }
    }
}
