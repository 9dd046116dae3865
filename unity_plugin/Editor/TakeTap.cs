using System;
using SoundReactor.Audio;
using SoundReactor.Protocol;

namespace SoundReactor.Editor
{
    /// <summary>A take being recorded from a link while the game plays.</summary>
    internal sealed class TakeTap : IHopReceiver, IDisposable
    {
        private readonly SoundReactorLink _link;
        private readonly TakeRecorder _recorder;

        internal TakeTap(SoundReactorLink link, string path)
        {
            _link = link;
            _recorder = new TakeRecorder(path, SoundPlayer.InputHz);
            link.AddReceiver(this);
        }

        internal string Path { get { return _recorder.Path; } }
        internal double Seconds { get { return _recorder.Seconds; } }

        internal string Failure { get { return _recorder.Failure; } }

        /// <summary>Write to the disk what has come; false if the link is gone, or the disk takes no more.</summary>
        internal bool Flush()
        {
            return _recorder.Flush() && _link != null;
        }

        public void OnSessionStarted(Welcome welcome)
        {
        }

        public void OnHop(ref AudioHeader header, float[] samples)
        {
            _recorder.Write(samples, header.Samples);
        }

        public void OnSessionEnded()
        {
        }

        public void Dispose()
        {
            if (_link != null)
            {
                _link.RemoveReceiver(this);
            }
            _recorder.Dispose();
        }
    }
}
