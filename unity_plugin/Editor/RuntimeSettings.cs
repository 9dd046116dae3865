using UnityEditor;

namespace SoundReactor.Editor
{
    /// <summary>How the editor starts the runtime: kept per user, not in the project, since paths differ.</summary>
    public static class RuntimeSettings
    {
        private const string CommandKey = "SoundReactor.Command";
        private const string BundleKey = "SoundReactor.Bundle";
        private const string ArgumentsKey = "SoundReactor.Arguments";

        /// <summary>The program: 'sr-runtime' if it is on the PATH, or a full path.</summary>
        public static string Command
        {
            get { return EditorPrefs.GetString(CommandKey, "sr-runtime"); }
            set { EditorPrefs.SetString(CommandKey, value); }
        }

        /// <summary>The model bundle: a shipped name ('default', 'probe') or a folder.</summary>
        public static string Bundle
        {
            get { return EditorPrefs.GetString(BundleKey, "default"); }
            set { EditorPrefs.SetString(BundleKey, value); }
        }

        /// <summary>Further arguments of 'serve', separated by spaces.</summary>
        public static string Arguments
        {
            get { return EditorPrefs.GetString(ArgumentsKey, "--audio-device none"); }
            set { EditorPrefs.SetString(ArgumentsKey, value); }
        }
    }
}
