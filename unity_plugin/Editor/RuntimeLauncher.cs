using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using SoundReactor.Protocol;
using UnityEditor;

namespace SoundReactor.Editor
{
    /// <summary>
    /// The runtime that this editor has started. Its process id is kept in the session's state, so that it is found again
    /// after a domain reload; it ends with the editor, however that ends, or in Window > SoundReactor.
    /// </summary>
    public static class RuntimeLauncher
    {
        private const string PidKey = "SoundReactor.Pid";
        private const string StartedKey = "SoundReactor.StartedAt";

        /// <summary>Where its words go.</summary>
        public static string LogPath
        {
            get { return Path.Combine(Path.GetTempPath(), "soundreactor-" + Process.GetCurrentProcess().Id + ".log"); }
        }

        /// <summary>Return the runtime that this editor has started, or null.</summary>
        public static RuntimeProcess Find()
        {
            int pid = SessionState.GetInt(PidKey, 0);
            return pid == 0 ? null : RuntimeProcess.Find(pid, SessionState.GetInt(StartedKey, 0), LogPath);
        }

        /// <summary>
        /// What a runtime said that this editor has started and that has ended by itself; else empty. A command that does
        /// not exist shows here: it is the shell that says so.
        /// </summary>
        public static string LastWords
        {
            get
            {
                int pid = SessionState.GetInt(PidKey, 0);
                RuntimeProcess ended = pid == 0 || Find() != null ? null : RuntimeProcess.Ended(LogPath);
                return ended == null ? "" : "The runtime has ended. Its last words:\n" + ended.ReadLog();
            }
        }

        /// <summary>Tell whether any runtime serves this machine, whoever started it.</summary>
        public static bool IsAnyRunning()
        {
            if (Find() != null)
            {
                return true;
            }
            try
            {
                ConnectionFile file = ConnectionFile.TryRead(ConnectionFile.DefaultPath());
                return file != null && RuntimeProcess.Find(file.Pid, LogPath) != null;
            }
            catch (WireException)
            {
                return false; // the runtime will write the file anew
            }
        }

        /// <summary>Start a runtime; returns what went wrong, or an empty text. Does not wait until it serves.</summary>
        public static string Start()
        {
            try
            {
                List<string> arguments = RuntimeProcess.ServeArguments(
                    RuntimeSettings.Bundle, RuntimeSettings.Arguments, Process.GetCurrentProcess().Id);
                RuntimeProcess process = RuntimeProcess.Start(
                    RuntimeSettings.Command, arguments, LogPath, new Dictionary<string, string>());
                SessionState.SetInt(PidKey, process.Pid);
                SessionState.SetInt(StartedKey, process.StartedAt);
                return "";
            }
            catch (InvalidOperationException error)
            {
                return error.Message;
            }
        }

        /// <summary>Ask the runtime to end; does not wait for it.</summary>
        public static void Stop()
        {
            RuntimeProcess process = Find();
            if (process != null)
            {
                process.RequestStop();
            }
            SessionState.SetInt(PidKey, 0);
        }
    }
}
