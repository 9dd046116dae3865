using SoundReactor.Capture;
using SoundReactor.Protocol;
using Unity.Collections;
using UnityEngine;
using UnityEngine.Rendering;
using UnityEngine.SceneManagement;

namespace SoundReactor
{
    /// <summary>
    /// Sends what a camera shows to the runtime: 30 pictures a second, the whole picture stretched to the model's size.
    /// Works in the Built-in, Universal and High Definition pipelines.
    /// </summary>
    /// <remarks>
    /// Built-in: the picture is taken in OnRenderImage, so image effects above this component are in it and those below
    /// are not. Universal and High Definition: it is taken by the pipeline's own capture hook, after everything but
    /// overlay user interface.
    /// </remarks>
    [AddComponentMenu("SoundReactor/SoundReactor Camera")]
    [DisallowMultipleComponent]
    [RequireComponent(typeof(Camera))]
    public sealed class SoundReactorCamera : MonoBehaviour, IPictureListener
    {
        private const double FramesPerSecond = 30.0;

        [Tooltip("The connection; empty: the one in the scene.")]
        [SerializeField] private SoundReactorLink _link;
        [Tooltip("Row order of captured pictures. Automatic is right unless the preview below stands on its head.")]
        [SerializeField] private PictureRows _rows = PictureRows.Automatic;

        private readonly CapturePacer _pacer = new CapturePacer(FramesPerSecond);
        private readonly LinkSearch _search = new LinkSearch();
        private Camera _camera;
        private CommandBuffer _commands;
        private PictureReader _reader;
        private PipelineHook _hook;
        private bool _isDue;
        private bool _isSceneCut;

        /// <summary>The connection; null: the one in the scene, as soon as there is one.</summary>
        public SoundReactorLink Link
        {
            get { return _link; }
            set { _link = value; }
        }

        /// <summary>Row order of captured pictures.</summary>
        public PictureRows Rows
        {
            get { return _rows; }
            set { _rows = value; }
        }

        /// <summary>The picture as the model sees it; null before the first.</summary>
        public Texture Picture { get { return _reader == null ? null : _reader.Picture; } }

        /// <summary>Pictures dropped because two were still on their way from the graphics card.</summary>
        public int PicturesDropped { get; private set; }

        /// <summary>Say that the next picture follows a cut: its difference to the one before makes no sound.</summary>
        public void MarkSceneCut()
        {
            _isSceneCut = true;
        }

        private void OnEnable()
        {
            _camera = GetComponent<Camera>();
            _commands = new CommandBuffer();
            _commands.name = "SoundReactor capture";
            _search.Reset();
            _pacer.Reset();
            _isSceneCut = true;
            SceneManager.activeSceneChanged += OnSceneChanged;
            _hook = new PipelineHook(_camera, OnCapture);
        }

        private void OnDisable()
        {
            SceneManager.activeSceneChanged -= OnSceneChanged;
            if (_hook != null)
            {
                _hook.Dispose();
                _hook = null;
            }
            DisposeReader();
            if (_commands != null)
            {
                _commands.Release();
                _commands = null;
            }
        }

        private void OnSceneChanged(Scene before, Scene after)
        {
            MarkSceneCut();
        }

        private void LateUpdate()
        {
            _link = _search.Find(_link);
            Welcome session = _link == null ? null : _link.Session;
            if (session == null)
            {
                _isDue = false;
                return;
            }
            if (_reader != null
                && (_reader.Width != session.PictureWidth || _reader.Height != session.PictureHeight || _reader.IsStuck))
            {
                DisposeReader();
            }
            if (_reader == null)
            {
                _reader = new PictureReader(this, session.PictureWidth, session.PictureHeight);
            }
            _reader.Poll();
            _isDue |= _pacer.IsDue(Time.unscaledTimeAsDouble);
        }

        private void DisposeReader()
        {
            if (_reader != null)
            {
                _reader.Dispose();
                _reader = null;
            }
        }

        // -- Built-in pipeline -------------------------------------------------------------------------------

        private void OnRenderImage(RenderTexture source, RenderTexture destination)
        {
            if (_isDue && _reader != null)
            {
                _commands.Clear();
                Record(_commands, source, source.width, source.height);
                Graphics.ExecuteCommandBuffer(_commands);
            }
            Graphics.Blit(source, destination);
        }

        // -- scriptable pipelines ------------------------------------------------------------------------------

        private void OnCapture(RenderTargetIdentifier source, CommandBuffer commands)
        {
            if (_isDue && _reader != null)
            {
                Record(commands, source, _camera.pixelWidth, _camera.pixelHeight);
            }
        }

        // -- both ----------------------------------------------------------------------------------------------

        private void Record(CommandBuffer commands, RenderTargetIdentifier source, int width, int height)
        {
            _isDue = false;
            if (!_reader.Record(commands, source, width, height, MonotonicClock.NowNs))
            {
                PicturesDropped++;
            }
        }

        void IPictureListener.OnPicture(NativeArray<byte> pixels, int width, int height, long captureNs)
        {
            RuntimeClient client = _link == null ? null : _link.Client;
            FrameBuffer frame = client == null
                ? null
                : client.BeginFrame(width, height, FrameFormat.Rgba8, 4 * width * height);
            if (frame == null)
            {
                return;
            }
            NativeArray<byte>.Copy(pixels, 0, frame.Data, FrameBuffer.PixelsAt, frame.PayloadBytes);
            bool isTopFirst = _rows == PictureRows.TopFirst || (_rows == PictureRows.Automatic && _reader.IsTopFirst);
            FrameFlags flags = isTopFirst ? FrameFlags.None : FrameFlags.BottomUp;
            client.CommitFrame(frame, _isSceneCut ? flags | FrameFlags.Discontinuity : flags, captureNs, 0);
            _isSceneCut = false;
        }
    }
}
