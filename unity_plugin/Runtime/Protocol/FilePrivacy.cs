using System;
using System.Runtime.InteropServices;

namespace SoundReactor.Protocol
{
    /// <summary>
    /// Asks Linux or macOS whether others can read a file, or have written it. The class library of Unity cannot; so this
    /// calls the system's own C library, in editors and desktop players. Where it is not found, and on systems without file
    /// modes (Windows: the profile folder is private), every file passes. Thread: any.
    /// </summary>
    internal static class FilePrivacy
    {
        private const int OthersMask = 0x3f; // 0077: read, write and run by group and others
        private const int ModeMask = 0xfff;

        /// <summary>Check that a file is its owner's alone, and its owner this user or the system's.</summary>
        /// <exception cref="WireException">It is not; the message has the command that mends it.</exception>
        internal static void Check(string path)
        {
            int mode;
            uint owner, user;
            if (!TryAsk(path, out mode, out owner, out user))
            {
                return;
            }
            if (owner != user && owner != 0)
            {
                throw new WireException(path + " belongs to user " + owner + ", not to you: remove it");
            }
            if ((mode & OthersMask) != 0)
            {
                throw new WireException(path + " has mode 0" + Convert.ToString(mode & ModeMask, 8)
                    + ": others can read the token; run: chmod 600 '" + path + "'");
            }
        }

#if !UNITY_5_3_OR_NEWER || UNITY_EDITOR || UNITY_STANDALONE
        private const int BufferBytes = 512; // more than any of the structures has
        private const int AtWorkingDirectory = -100; // AT_FDCWD
        private const uint StatxModeAndOwner = 0x2 | 0x8; // STATX_MODE | STATX_UID

        private static bool TryAsk(string path, out int mode, out uint owner, out uint user)
        {
            mode = 0;
            owner = user = 0;
            if (Environment.OSVersion.Platform == PlatformID.Win32NT)
            {
                return false;
            }
            try
            {
                byte[] facts = new byte[BufferBytes];
                return ConnectionFile.IsMac
                    ? OnMac(path, facts, out mode, out owner, out user)
                    : OnLinux(path, facts, out mode, out owner, out user);
            }
            catch (DllNotFoundException)
            {
                return false;
            }
            catch (EntryPointNotFoundException)
            {
                return false;
            }
        }

        /// <summary>struct statx is the same on every processor: stx_uid at 20, stx_mode at 28 (Linux, uapi/linux/stat.h).</summary>
        private static bool OnLinux(string path, byte[] facts, out int mode, out uint owner, out uint user)
        {
            bool isDone = LinuxStat(AtWorkingDirectory, path, 0, StatxModeAndOwner, facts) == 0;
            owner = (uint)LittleEndian.Get(facts, 20, 4);
            mode = (int)LittleEndian.Get(facts, 28, 2);
            user = LinuxUser();
            return isDone;
        }

        /// <summary>struct stat with 64-bit inodes: st_mode at 4, st_uid at 16 (macOS, sys/stat.h).</summary>
        private static bool OnMac(string path, byte[] facts, out int mode, out uint owner, out uint user)
        {
            bool isDone = MacStat(path, facts) == 0;
            mode = (int)LittleEndian.Get(facts, 4, 2);
            owner = (uint)LittleEndian.Get(facts, 16, 4);
            user = MacUser();
            return isDone;
        }

        private static int MacStat(string path, byte[] facts)
        {
            try
            {
                return IntelMacStat(path, facts);
            }
            catch (EntryPointNotFoundException)
            {
                return AppleMacStat(path, facts); // has 64-bit inodes only, and no suffix
            }
        }

        [DllImport("libc.so.6", EntryPoint = "statx")]
        private static extern int LinuxStat(int folder, string path, int flags, uint mask, [Out] byte[] facts);

        [DllImport("libc.so.6", EntryPoint = "geteuid")]
        private static extern uint LinuxUser();

        [DllImport("/usr/lib/libSystem.B.dylib", EntryPoint = "stat$INODE64")]
        private static extern int IntelMacStat(string path, [Out] byte[] facts);

        [DllImport("/usr/lib/libSystem.B.dylib", EntryPoint = "stat")]
        private static extern int AppleMacStat(string path, [Out] byte[] facts);

        [DllImport("/usr/lib/libSystem.B.dylib", EntryPoint = "geteuid")]
        private static extern uint MacUser();
#else
        private static bool TryAsk(string path, out int mode, out uint owner, out uint user)
        {
            mode = 0;
            owner = user = 0;
            return false;
        }
#endif
    }
}
