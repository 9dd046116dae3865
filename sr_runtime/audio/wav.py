"""Sound into a WAV or FLAC file, written by a thread of its own so that a slow disk holds nobody up.

Used by ``serve --record``, ``demo`` and ``render``.
"""

from __future__ import annotations

import logging
import queue
import threading
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from sr_runtime.audio.fades import FADE_OUT_FRAMES, fade_in, tail
from sr_runtime.audio.settings import check_file_suffix
from sr_runtime.audio.stats import PlayerStats
from sr_runtime.errors import DataError
from sr_runtime.types import CHANNELS, HOP_HZ, HOP_SAMPLES, SAMPLE_RATE, Audio

logger = logging.getLogger(__name__)

QUEUE_HOPS: Final = 300
"""10 s of sound, 3.8 MB: rides out any disk that is not broken."""

MAX_FILLED_HOPS: Final = 60 * HOP_HZ
"""A jump of the hop index by more than a minute is a new counting, not a gap."""


class WavSink:
    """Write hops to a ``.wav`` or ``.flac`` file, 48 kHz stereo.

    Args:
        path: the file; its suffix chooses the format. It is overwritten.
        subtype: sample format as soundfile names it; 16 bits play everywhere.
        blocking: wait for the disk instead of dropping when the queue is full (offline rendering).
        keep_time: fill hops that were skipped (their index is missing) with silence, so that the file
            stays in step with the pictures.

    Raises:
        ConfigError: another suffix.
        DataError: the file cannot be written.

    Thread: any one.
    """

    def __init__(
        self, path: str | Path, subtype: str = "PCM_16", blocking: bool = False, keep_time: bool = True
    ) -> None:
        self.path = Path(path)
        suffix = check_file_suffix("file", self.path)
        try:
            self._file = soundfile.SoundFile(
                self.path, "w", SAMPLE_RATE, CHANNELS, subtype=subtype, format=suffix[1:].upper()
            )
        except (RuntimeError, OSError, ValueError) as error:
            raise DataError(f"cannot write the sound file {self.path}: {error}") from error
        self._blocking = blocking
        self._keep_time = keep_time
        self._hops: queue.Queue[Audio | None] = queue.Queue(QUEUE_HOPS)
        self._thread: threading.Thread | None = None
        self._failure: Exception | None = None
        self._next_index: int | None = None
        self._last = np.zeros((1, CHANNELS), np.float32)
        self._resumes = False
        self._closed = False
        self._written = 0
        self._dropped = 0
        self._gaps = 0
        self._gap_hops = 0

    def start(self) -> PlayerStats:
        """Start the writing thread."""
        if self._thread is None and not self._closed:
            self._thread = threading.Thread(target=self._drain, name="sound-file", daemon=True)
            self._thread.start()
        return self.stats()

    def write(self, hop: Audio, capture_ns: int = 0, hop_index: int | None = None) -> None:
        """Queue one hop; float32 (n ≤ 1600, 2), copied.

        Raises:
            DataError: the disk refused an earlier hop (only if ``blocking``).
        """
        if self._closed:
            return
        if self._thread is None:
            self.start()
        if self._keep_time and hop_index is not None:
            self._fill_up_to(hop_index)
        sound = fade_in(hop) if self._resumes else hop.copy()
        self._resumes = False
        if len(sound):
            self._last = sound[-1:].copy()
        self._written += self._put(sound)

    def pause(self) -> None:
        """End the present sound; the next hop is faded in."""
        if not self._resumes:
            self._put(tail(self._last))
        self._resumes = True
        self._next_index = None

    def stats(self) -> PlayerStats:
        """Return a snapshot."""
        return PlayerStats(
            state="closed" if self._closed else "playing",
            reason=f"cannot write {self.path}: {self._failure}" if self._failure else "",
            device=str(self.path),
            written=self._written,
            dropped=self._dropped,
            underruns=self._gaps,
            gaps_ms=self._gap_hops * 1000 / HOP_HZ,
        )

    def close(self) -> None:
        """Write out what is queued and finish the file.

        Raises:
            DataError: the disk refused a part of it.
        """
        if self._closed:
            return
        self._closed = True
        if self._thread is not None:
            self._hops.put(None)
            self._thread.join()
        self._file.close()
        self._raise_failure()

    def _fill_up_to(self, hop_index: int) -> None:
        """Put silence in place of the hops between the last one and ``hop_index``."""
        missing = 0 if self._next_index is None else hop_index - self._next_index
        self._next_index = hop_index + 1
        if not 0 < missing <= MAX_FILLED_HOPS:
            return
        self._gaps += 1
        self._gap_hops += missing
        silence = np.zeros((missing * HOP_SAMPLES, CHANNELS), np.float32)
        silence[:FADE_OUT_FRAMES] = tail(self._last)
        self._put(silence)
        self._resumes = True

    def _put(self, sound: Audio) -> bool:
        """Queue a piece; False if there was no room."""
        if self._blocking:
            self._raise_failure()
            self._hops.put(sound)
        else:
            try:
                self._hops.put_nowait(sound)
            except queue.Full:
                self._dropped += 1
                return False
        return True

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise DataError(f"cannot write the sound file {self.path}: {self._failure}") from self._failure

    def _drain(self) -> None:
        """Write queued sound until the end mark; after a failure go on emptying the queue.

        Thread: its own.
        """
        while (sound := self._hops.get()) is not None:
            if self._failure is None:
                try:
                    self._file.write(sound)
                except (RuntimeError, OSError) as error:
                    self._failure = error
                    logger.error("cannot write the sound file %s: %s", self.path, error)
