"""The audio process: ``python -m sr_runtime.audio``, started by the player's :mod:`sr_runtime.audio.child`.

It is a process of its own because Python threads beside the callback break the sound: two busy ones made
71 gaps in 10 s, none here. It is started by this command line and not by multiprocessing's spawn, which
would import the user's main script again (torch and all). One line of JSON on stdin says what to do; when
stdin ends, the parent is gone (or wants the end) and the process ends.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import time
from typing import Final

import msgspec

from sr_runtime.audio.board import Board
from sr_runtime.audio.device_buffer import DeviceBuffer
from sr_runtime.audio.devices import list_devices, resolve_device
from sr_runtime.audio.orders import NO_PORTAUDIO_EXIT, Orders
from sr_runtime.audio.output import DeviceStream, quiet_native_stderr, refresh_devices
from sr_runtime.audio.pump import Pump
from sr_runtime.audio.ring import SharedRing, attach_memory, view_of
from sr_runtime.audio.settings import AudioSettings
from sr_runtime.audio.stats import PlayerStats
from sr_runtime.audio.watchdog import Watchdog
from sr_runtime.errors import MissingDependency
from sr_runtime.types import SAMPLE_RATE

TICK_S: Final = 0.003
REPORT_NS: Final = 50_000_000
OFFSET_NS: Final = 1_000_000_000
SWITCH_INTERVAL_S: Final = 0.0005
"""The callback waits for the pump at most this long (default 5 ms): 71 → 0 gaps beside two busy threads."""

STDIN: Final = 0
NICENESS: Final = -11
PATIENCE_S: Final = 1.0
"""How long the end may take before the process is ended by force (a sound server can hang in a call)."""


class AudioProcess:
    """The main loop: watchdog, pump, report, 3 ms of sleep.

    Args:
        settings: what to play on.
        pump: moves the sound.
        board: where stats are shown.
    """

    def __init__(self, settings: AudioSettings, pump: Pump, board: Board) -> None:
        self._settings = settings
        self._pump = pump
        self._board = board
        self._watchdog = Watchdog(self._open, refresh_devices)
        self._buffer = DeviceBuffer(settings.device_latency_s)
        self._report_ns = 0
        self._longest_tick_ns = 0
        self._worked_ns = 0
        self._opened_ns = 0
        self._offset_at_ns = 0
        self._offset_ns = 0

    def _open(self) -> DeviceStream:
        """Open the device that the settings name, with nothing stale in its ring."""
        device = resolve_device(self._settings.device, list_devices())
        self._pump.fresh_device()
        stream = DeviceStream(self._settings, self._buffer.seconds, device, self._pump.local)
        self._offset_at_ns = 0
        self._opened_ns = time.monotonic_ns()
        self._buffer.opened(self._opened_ns / 1e9)
        gc.collect()  # the collector is off, and failed attempts leave cycles behind
        return stream

    def run(self, ended: threading.Event, parent_pid: int) -> None:
        """Play until ``ended``, or until the parent is gone (a fork of it may still hold our stdin open)."""
        has_no_ppid = sys.platform == "win32"
        while not ended.is_set() and (has_no_ppid or os.getppid() == parent_pid):
            self._tick(time.monotonic_ns())
            time.sleep(TICK_S)
        self._play_out()
        self._watchdog.close()

    def _tick(self, now_ns: int) -> None:
        self._board.heartbeat_ns = now_ns
        works = self._watchdog.tick(now_ns)
        if works and self._worked_ns:
            self._longest_tick_ns = max(self._longest_tick_ns, now_ns - self._worked_ns)
        # Measured afresh after an opening, which may take 100 ms.
        self._worked_ns = now_ns if works and now_ns >= self._opened_ns else 0
        if works and self._watchdog.stream is not None:
            if now_ns - self._offset_at_ns > OFFSET_NS:
                self._offset_at_ns = now_ns
                self._offset_ns = self._watchdog.stream.offset_ns()
            self._pump.tick(now_ns, self._offset_ns)
            self._widen_device_buffer(now_ns)
        else:
            self._pump.hold(now_ns, self._watchdog.was_open)
        if now_ns - self._report_ns > REPORT_NS:
            self._report_ns = now_ns
            self._board.publish(self._stats(works))

    def _widen_device_buffer(self, now_ns: int) -> None:
        if self._buffer.must_grow(self._watchdog.device_underflows, now_ns / 1e9):
            size_ms = self._buffer.seconds * 1000
            self._watchdog.reopen(
                now_ns, f"the sound driver ran short repeatedly; buffer widened to {size_ms:.0f} ms"
            )

    def _stats(self, works: bool) -> PlayerStats:
        return msgspec.structs.replace(
            self._pump.stats(),
            state=self._pump.state if works else self._watchdog.missing_state,
            reason=self._watchdog.reason,
            device=self._watchdog.device,
            reopens=self._watchdog.reopens,
            device_underflows=self._watchdog.device_underflows,
            longest_tick_ms=self._longest_tick_ns / 1e6,
        )

    def _play_out(self) -> None:
        """Let the device play the prepared fade to its end, so that closing cuts nothing but silence."""
        device_frames = (2 * self._buffer.seconds + 0.02) * SAMPLE_RATE
        deadline = time.monotonic() + PATIENCE_S / 2
        while self._watchdog.stream and time.monotonic() < deadline:
            if self._pump.local.gap_frames > device_frames:
                return
            time.sleep(TICK_S)


def _watch_parent(ended: threading.Event) -> None:
    """Wait for the end of stdin; then give the main loop a moment before ending by force."""
    with contextlib.suppress(OSError):
        while os.read(STDIN, 1):
            pass
    ended.set()
    time.sleep(PATIENCE_S)
    os._exit(0)


def _read_orders() -> Orders:
    """Read the one line on stdin; unbuffered, since a thread in a buffered read aborts the process's end."""
    line = b""
    while not line.endswith(b"\n") and (byte := os.read(STDIN, 1)):
        line += byte
    return msgspec.json.decode(line, type=Orders)


def _prefer_this_process() -> None:
    """Ask for a better place in the scheduler's queue; most users may not, and that is fine."""
    if hasattr(os, "setpriority"):
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, NICENESS)


def main() -> int:
    """Attach to the parent's memory and play until it ends; returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = _read_orders()
    ended = threading.Event()
    threading.Thread(target=_watch_parent, args=(ended,), daemon=True).start()
    ring_memory, board_memory = attach_memory(orders.ring), attach_memory(orders.board)
    ring, board = SharedRing(view_of(ring_memory)), Board(view_of(board_memory))
    ring.discard()  # written while nobody played: what follows would not join on
    pump = Pump(ring, orders.settings, orders.interrupted_ns)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    _prefer_this_process()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        with quiet_native_stderr():
            AudioProcess(orders.settings, pump, board).run(ended, orders.parent_pid)
    except MissingDependency as error:
        board.publish(PlayerStats(state="no device", reason=str(error)))
        return NO_PORTAUDIO_EXIT
    finally:
        ring.release()
        board.release()
        ring_memory.close()
        board_memory.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
