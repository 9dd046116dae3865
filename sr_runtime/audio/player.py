"""Play hops on a sound card: the runtime's handle of the audio process.

    AudioPlayer ──shared ring──► audio process (pump → callback → device)
        ▲ supervisor thread ◄──board (stats, heartbeat)──┘

The supervisor wakes ten times a second, so it costs the inference beside it nothing.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from typing import Final

import msgspec
import numpy as np

from sr_runtime.audio.announce import Announcer
from sr_runtime.audio.child import Child
from sr_runtime.audio.null import NullSink
from sr_runtime.audio.orders import NO_PORTAUDIO_EXIT
from sr_runtime.audio.ring import FLAG_PAUSE
from sr_runtime.audio.settings import NO_DEVICE, AudioSettings
from sr_runtime.audio.stats import PlayerStats
from sr_runtime.errors import SessionError
from sr_runtime.types import CHANNELS, HOP_SAMPLES, Audio

WATCH_S: Final = 0.1
SILENT_S: Final = 2.0
"""The audio process reports every 3 ms; opening a device may take a second. Beyond 2 s it hangs."""

SLOW_START_S: Final = 15.0
"""Importing numpy and PortAudio on a busy machine with cold disks."""

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0
STABLE_S: Final = 3.0
"""A process that lived this long starts the back-off anew."""

NOTHING: Final = np.zeros((0, CHANNELS), np.float32)


class AudioPlayer:
    """Plays hops on the sound card that the settings name.

    Without PortAudio or without a device it still takes hops, counts them like a silent sound card, and says
    why in its stats; a device that appears later is opened.

    Args:
        settings: device, latency, block size.

    Example:
        >>> player = AudioPlayer(AudioSettings(device="none"))
        >>> player.start().reason
        'no sound card was asked for (audio.device: none)'
        >>> player.write(np.zeros((1600, 2), np.float32), capture_ns=0, hop_index=0)
        >>> player.close()

    Thread: ``write`` and ``pause`` from one thread (inference), the rest from any.
    """

    def __init__(self, settings: AudioSettings | None = None) -> None:
        self.settings = settings or AudioSettings()
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._null: NullSink | None = None
        self._supervisor: threading.Thread | None = None
        self._ended = threading.Event()
        self._written = 0
        self._restarts = 0
        self._owner_pid = os.getpid()
        self._past = PlayerStats()
        self._last = PlayerStats()
        self._absent = PlayerStats()

    @property
    def pid(self) -> int | None:
        """The audio process's id, None if there is none."""
        return self._child.pid if self._child else None

    def start(self, timeout_s: float = 10.0) -> PlayerStats:
        """Start the audio process and wait until it knows whether it can play.

        Args:
            timeout_s: how long to wait at most; it goes on starting after that.

        Returns:
            Stats whose state is ``idle`` or ``priming`` if it can play, or ``no device`` with the reason.

        Raises:
            SessionError: it was closed.
        """
        if self._ended.is_set():
            raise SessionError("this AudioPlayer was closed; make a new one")
        if self._supervisor is None and self._null is None:
            self._begin()
        deadline = time.monotonic() + timeout_s
        while (stats := self.stats()).state == "starting" and time.monotonic() < deadline:
            time.sleep(0.005)
        return stats

    def _begin(self) -> None:
        atexit.register(self.close)
        if self.settings.device == NO_DEVICE:
            self._fall_back("no sound card was asked for (audio.device: none)")
            return
        self._child = Child(self.settings)
        self._child.start()
        self._supervisor = threading.Thread(target=self._supervise, name="audio-supervisor", daemon=True)
        self._supervisor.start()

    def _fall_back(self, reason: str) -> None:
        self._null = NullSink(self.settings.target_frames, "no device", reason)

    def write(self, hop: Audio, capture_ns: int = 0, hop_index: int | None = None) -> None:
        """Hand over one hop; never blocks. If the audio process is away, up to 1 s waits for it.

        Args:
            hop: float32 (n ≤ 1600, 2), 48 kHz, −1..1; copied.
            capture_ns: ``time.monotonic_ns()`` at the capture of its frame, 0 = unknown.
            hop_index: the model step.

        Raises:
            ValueError: another shape or dtype.
        """
        if hop.dtype != np.float32 or hop.ndim != 2 or hop.shape[1] != CHANNELS or len(hop) > HOP_SAMPLES:
            raise ValueError(f"hop: expected float32 (n <= {HOP_SAMPLES}, 2), got {hop.dtype} {hop.shape}")
        if self._null is not None:
            self._null.write(hop, capture_ns, hop_index)
        elif self._child is not None:
            index = -1 if hop_index is None else hop_index
            sound = np.ascontiguousarray(hop)
            self._written += self._child.ring.write(sound, capture_ns, index, time.monotonic_ns())

    def pause(self) -> None:
        """Say that nothing follows for now: what is there plays out, and the silence is no underrun."""
        if self._null is not None:
            self._null.pause()
        elif self._child is not None:
            self._child.ring.write(NOTHING, 0, -1, time.monotonic_ns(), FLAG_PAUSE)

    def stats(self) -> PlayerStats:
        """Return a snapshot, over all restarts of the audio process."""
        with self._lock:
            if self._null is not None:
                return self._null.stats()
            if self._child is None:
                return self._last
            now = self._child.board.stats() or self._absent
            self._last = self._total(now, self._child.ring.full)
            return self._last

    def _total(self, now: PlayerStats, dropped: int) -> PlayerStats:
        """Add what earlier audio processes counted."""
        past = self._past
        return msgspec.structs.replace(
            now,
            written=self._written,
            dropped=dropped,
            restarts=self._restarts,
            corrupt=past.corrupt + now.corrupt,
            underruns=past.underruns + now.underruns,
            gaps_ms=past.gaps_ms + now.gaps_ms,
            skips=past.skips + now.skips,
            skipped_ms=past.skipped_ms + now.skipped_ms,
            reopens=past.reopens + now.reopens,
            device_underflows=past.device_underflows + now.device_underflows,
            longest_tick_ms=max(past.longest_tick_ms, now.longest_tick_ms),
        )

    def close(self) -> None:
        """Fade out, end the audio process and give its memory back."""
        if self._ended.is_set() or os.getpid() != self._owner_pid:
            return  # a fork of the owner must not end the owner's sound
        self._ended.set()
        atexit.unregister(self.close)
        if self._supervisor is not None:
            self._supervisor.join()
        last = msgspec.structs.replace(self.stats(), state="closed")
        with self._lock:
            child, self._child, self._null = self._child, None, None
            self._last = last
            if child is not None:
                child.end()
                child.release()

    def _supervise(self) -> None:
        """Restart the audio process when it dies or hangs.

        Thread: its own.
        """
        pause_s = FIRST_PAUSE_S
        announcer = Announcer()
        while not self._ended.wait(WATCH_S):
            child = self._child
            if child is None:
                return
            announcer.look(self.stats())
            problem = _problem(child)
            if problem is None:
                continue
            if child.exit_code() == NO_PORTAUDIO_EXIT:
                self._give_up(child)
                return
            if time.monotonic() - child.started_s > STABLE_S:
                pause_s = FIRST_PAUSE_S
            self._absent = PlayerStats(state="lost", reason=f"{problem}; it is being started again")
            announcer.look(self._absent)
            self._restart(child, pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _restart(self, child: Child, pause_s: float) -> None:
        with self._lock:
            interrupted_ns = child.board.heartbeat_ns if _was_playing(child) else 0
            self._past = self._total(child.board.stats() or PlayerStats(), 0)
            self._restarts += 1
            child.end(at_once=True)
            child.board.clear()
        if not self._ended.wait(pause_s):
            with self._lock:
                child.start(interrupted_ns)

    def _give_up(self, child: Child) -> None:
        """Go on without sound: there is no PortAudio."""
        with self._lock:
            stats = child.board.stats()
            self._fall_back(stats.reason if stats else "no PortAudio library")
            child.end()


def _problem(child: Child) -> str | None:
    """Say what is wrong with the audio process, None if nothing."""
    code = child.exit_code()
    if code is not None:
        return f"the audio process ended with exit code {code}"
    allowed_s = SILENT_S if child.board.heartbeat_ns else SLOW_START_S
    if child.silent_s() > allowed_s:
        return f"the audio process has not moved for {child.silent_s():.1f} s"
    return None


def _was_playing(child: Child) -> bool:
    stats = child.board.stats()
    return stats is not None and stats.state in ("playing", "priming", "lost")
