"""Record real games and videos, store them as clips, and say which maps may be used for what.

In the order of data flow: ``splits`` → ``agent`` (with ``navigation`` and ``wad``) → ``vizdoom`` (with
``doom_game`` and ``doom_events``) → ``alignment`` → ``recorder`` (with ``groundtruth`` and ``pwad``); or
``openarena_take`` → ``openarena_demo`` (with ``openarena``, ``openarena_log``) → ``openarena_recorder``; or
``video`` (with ``video_sound``) → ``store`` → ``validate``. Imports neither torch nor onnxruntime.
"""
