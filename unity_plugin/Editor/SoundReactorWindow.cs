using System;
using System.Collections.Generic;
using System.IO;
using UnityEditor;
using UnityEngine;

namespace SoundReactor.Editor
{
    /// <summary>Window > SoundReactor: start and stop the runtime, check the installation, record a take.</summary>
    public sealed class SoundReactorWindow : EditorWindow
    {
        private const string TakesFolder = "Assets/SoundReactor/Takes";
        private RuntimeProcess _doctor;
        private string _failure = "";
        private string _takeFailure = "";
        private Vector2 _scroll;
        private TakeTap _take;

        /// <summary>Open the window.</summary>
        [MenuItem("Window/SoundReactor")]
        public static void Open()
        {
            GetWindow<SoundReactorWindow>("SoundReactor");
        }

        private void OnEnable()
        {
            EditorApplication.update += OnEditorUpdate;
        }

        private void OnDisable()
        {
            EditorApplication.update -= OnEditorUpdate;
            EndTake(); // also before a domain reload
        }

        private void OnEditorUpdate()
        {
            if (_take != null && !_take.Flush())
            {
                EndTake();
            }
        }

        private void OnInspectorUpdate()
        {
            Repaint(); // ten times a second
        }

        private void OnGUI()
        {
            _scroll = EditorGUILayout.BeginScrollView(_scroll);
            DrawRuntime();
            DrawDoctor();
            DrawScene();
            DrawTake();
            EditorGUILayout.EndScrollView();
        }

        private void DrawRuntime()
        {
            EditorGUILayout.LabelField("Runtime", EditorStyles.boldLabel);
            DrawSettings();
            RuntimeProcess runtime = RuntimeLauncher.Find();
            if (runtime == null)
            {
                if (GUILayout.Button("Start the runtime"))
                {
                    _failure = RuntimeLauncher.Start();
                }
            }
            else
            {
                EditorGUILayout.LabelField("Running", "process " + runtime.Pid);
                if (GUILayout.Button("Stop the runtime"))
                {
                    RuntimeLauncher.Stop();
                }
                EditorGUILayout.HelpBox(runtime.ReadLog(), MessageType.None);
            }
            string failure = _failure.Length > 0 ? _failure : RuntimeLauncher.LastWords;
            if (failure.Length > 0)
            {
                EditorGUILayout.HelpBox(
                    failure + "\nIf it was not found, give the full path of sr-runtime: in a virtual environment it is bin/sr-runtime, on Windows Scripts\\sr-runtime.exe.",
                    MessageType.Error);
            }
        }

        private static void DrawSettings()
        {
            string command = EditorGUILayout.TextField("Command", RuntimeSettings.Command);
            string bundle = EditorGUILayout.TextField("Bundle", RuntimeSettings.Bundle);
            string arguments = EditorGUILayout.TextField("Arguments", RuntimeSettings.Arguments);
            if (GUI.changed) // and not ten times a second: these are kept on the disk
            {
                RuntimeSettings.Command = command;
                RuntimeSettings.Bundle = bundle;
                RuntimeSettings.Arguments = arguments;
            }
        }

        private void DrawDoctor()
        {
            EditorGUILayout.LabelField("Installation", EditorStyles.boldLabel);
            bool isBusy = _doctor != null && _doctor.IsRunning;
            if (GUILayout.Button(isBusy ? "Checking …" : "Check the installation (sr-runtime doctor)") && !isBusy)
            {
                StartDoctor();
            }
            if (_doctor != null)
            {
                EditorGUILayout.HelpBox(_doctor.ReadLog(), MessageType.None);
            }
        }

        private void StartDoctor()
        {
            try
            {
                _failure = "";
                string log = Path.Combine(Path.GetTempPath(), "soundreactor-doctor.log");
                _doctor = RuntimeProcess.Start(
                    RuntimeSettings.Command, new[] { "doctor" }, log, new Dictionary<string, string>());
            }
            catch (InvalidOperationException error)
            {
                _failure = error.Message;
            }
        }

        private static void DrawScene()
        {
            EditorGUILayout.LabelField("Scene", EditorStyles.boldLabel);
            if (MistakeBoxes.Draw())
            {
                EditorGUILayout.LabelField("Link, camera and source are in place.");
            }
            SoundReactorLink link = UnityEngine.Object.FindFirstObjectByType<SoundReactorLink>();
            if (Application.isPlaying && link != null)
            {
                LiveFigures.DrawLink(link);
            }
        }

        private void DrawTake()
        {
            EditorGUILayout.LabelField("Take", EditorStyles.boldLabel);
            if (_takeFailure.Length > 0)
            {
                EditorGUILayout.HelpBox(_takeFailure, MessageType.Error);
            }
            if (!Application.isPlaying)
            {
                EditorGUILayout.LabelField("Press Play to record a take to a WAV file in the project.");
                return;
            }
            if (_take == null)
            {
                SoundReactorLink link = UnityEngine.Object.FindFirstObjectByType<SoundReactorLink>();
                if (GUILayout.Button("Record a take") && link != null)
                {
                    BeginTake(link);
                }
                return;
            }
            EditorGUILayout.LabelField(_take.Path, _take.Seconds.ToString("f1") + " s");
            if (GUILayout.Button("End the take"))
            {
                EndTake();
            }
        }

        private void BeginTake(SoundReactorLink link)
        {
            try
            {
                _takeFailure = "";
                string name = "take-" + DateTime.Now.ToString("yyyyMMdd-HHmmss") + ".wav";
                _take = new TakeTap(link, TakesFolder + "/" + name);
            }
            catch (IOException error)
            {
                _takeFailure = "cannot write a take: " + error.Message;
            }
        }

        private void EndTake()
        {
            if (_take != null)
            {
                _take.Dispose();
                _takeFailure = _take.Failure;
                _take = null;
                AssetDatabase.Refresh();
            }
        }
    }
}
