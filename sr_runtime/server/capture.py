"""Keep sessions on disk, so that ``sr-runtime replay`` can run them again: frames, messages and sound.

    DIR/0001-89abcdef/session.json     hello (without token), bundle, versions
                      operations.bin   u32 length, u8 kind, payload; 1 frame, 2 no new frame, 3 control
                      sound.wav        float32: one hop for each operation of kind 1 or 2

A writer thread per session keeps the disk away from the inference thread; if the disk cannot follow, the
capture ends there and says so. Pictures of a game can be private: nothing is captured unless asked for.
Thread: inference (``keep_*``), writer (the rest).
"""

from __future__ import annotations

import json
import logging
import queue
import struct
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import Final

import soundfile
from sr_bridge.media import FrameMessage
from sr_bridge.messages import Control, encode

from sr_runtime.engine import Bundle
from sr_runtime.errors import ConfigError
from sr_runtime.machine import package_version
from sr_runtime.server.mailbox import OpenSession
from sr_runtime.types import CHANNELS, SAMPLE_RATE, Audio

log = logging.getLogger(__name__)

SESSION_FILE, OPERATIONS_FILE, SOUND_FILE = "session.json", "operations.bin", "sound.wav"
NEW_FRAME, REPEATED_FRAME, CONTROL = 1, 2, 3
RECORD: Final = struct.Struct("<IB")
QUEUED_OPERATIONS: Final = 300
"""10 s of hops may wait for the disk."""
MAX_BYTES: Final = 4 << 30
"""A capture ends here: 45 minutes of 128x128 frames, and a WAV file cannot be larger anyway."""

Operation = tuple[int, bytes, Audio | None]


class SessionTape:
    """Writes one session's operations.

    Args:
        folder: New folder of this session.
        description: Content of ``session.json``.
    """

    def __init__(self, folder: Path, description: dict[str, object]) -> None:
        folder.mkdir(parents=True, mode=0o700)
        (folder / SESSION_FILE).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        self._folder = folder
        self._queue: queue.Queue[Operation | None] = queue.Queue(QUEUED_OPERATIONS)
        self._is_complete = True
        self._thread = threading.Thread(target=self._write, name="sr-capture", daemon=True)
        self._thread.start()

    def keep_hop(self, message: FrameMessage | None, audio: Audio) -> None:
        """Keep one hop."""
        if message is None:
            self._put((REPEATED_FRAME, b"", audio))
        else:
            self._put((NEW_FRAME, message.header.pack() + bytes(message.payload), audio))

    def keep_control(self, control: Control) -> None:
        """Keep a change of settings."""
        self._put((CONTROL, encode(control), None))

    def _put(self, operation: Operation) -> None:
        if not self._is_complete:
            return
        try:
            self._queue.put_nowait(operation)
        except queue.Full:
            self._is_complete = False
            log.warning("%s: the disk cannot follow; the capture ends here", self._folder)

    def close(self) -> None:
        """Write what waits and close the files."""
        self._queue.put(None)
        self._thread.join()

    def _write(self) -> None:
        try:
            self._write_files()
        except OSError as error:
            log.warning("%s: %s; the capture ends here", self._folder, error)
            while self._queue.get() is not None:
                continue

    def _write_files(self) -> None:
        size = 0
        with (
            (self._folder / OPERATIONS_FILE).open("wb") as operations,
            soundfile.SoundFile(self._folder / SOUND_FILE, "w", SAMPLE_RATE, CHANNELS, "FLOAT") as sound,
        ):
            while (operation := self._queue.get()) is not None:
                kind, payload, audio = operation
                size += RECORD.size + len(payload) + (0 if audio is None else audio.nbytes)
                if size > MAX_BYTES:
                    self._is_complete = False
                    continue
                operations.write(RECORD.pack(len(payload), kind) + payload)
                if audio is not None:
                    sound.write(audio)


class CaptureFolder:
    """Makes a tape for every session.

    Args:
        folder: Where the sessions' folders go.
        bundle: The model that makes the sound.

    Raises:
        ConfigError: The folder cannot be made.
    """

    def __init__(self, folder: Path, bundle: Bundle) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise ConfigError(
                f"capture: cannot make {folder}: {error.strerror}; choose another folder"
            ) from None
        self._folder = folder
        self._bundle = bundle

    def open_tape(self, command: OpenSession) -> SessionTape:
        """Return the tape of a new session."""
        number = 1 + max((_number(path) for path in self._folder.iterdir()), default=0)
        folder = self._folder / f"{number:04d}-{command.session:08x}"
        hello = {key: value for key, value in asdict(command.hello).items() if key != "token"}
        return SessionTape(folder, {"format": 1, "hello": hello, **self._facts()})

    def _facts(self) -> dict[str, object]:
        manifest = self._bundle.manifest
        return {
            "bundle": self._bundle.name,
            "bundle_path": str(self._bundle.path),
            "bundle_sha256": {name: graph.sha256 for name, graph in sorted(manifest.graphs.items())},
            "runtime": package_version("sr-runtime"),
            "onnxruntime": package_version("onnxruntime") or package_version("onnxruntime-gpu"),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }


def _number(path: Path) -> int:
    prefix = path.name.split("-")[0]
    return int(prefix) if prefix.isdigit() else 0
