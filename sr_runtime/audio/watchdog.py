"""Keep a device open: see when it is lost or hangs, open it again with growing pauses.

A vanished device ends its stream; a hanging one (a stopped sound server, a stuck driver) shows nothing at
all but that callbacks stop coming, so their age is watched.

Thread: the audio process's pump.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from sr_runtime.audio.output import Stream
from sr_runtime.audio.stats import SinkState
from sr_runtime.errors import AudioDeviceError

HANG_NS: Final = 150_000_000
"""Callbacks come every 10–40 ms; a host may stall a thread for 30 ms. 150 ms without one is a hang."""

FIRST_CALLBACK_NS: Final = 1_000_000_000
"""A device may take its time to begin."""

REOPEN_HUNG_NS: Final = 3_000_000_000
"""A hung device mostly comes back by itself (a sound server that was stopped does): wait before reopening."""

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 5.0
EAGER_S: Final = 30.0
"""For the first 30 s the pauses stay at or below 1 s: a restarted sound server is heard again at once."""


class Watchdog:
    """Owns the stream and its reopening.

    Args:
        open_stream: opens the device, raising AudioDeviceError if it cannot.
        refresh: makes the system look for devices again; called before each try but the first.

    Attributes:
        stream: the open device, or None.
        reopens: times it was opened again after a loss.
        reason: why nothing is playing, empty if the device works.
        was_open: whether a device ever worked.
    """

    def __init__(self, open_stream: Callable[[], Stream], refresh: Callable[[], None]) -> None:
        self._open_stream = open_stream
        self._refresh = refresh
        self.stream: Stream | None = None
        self.reopens = 0
        self.reason = ""
        self.was_open = False
        self._tries = 0
        self._retry_ns = -math.inf
        self._lost_ns = 0
        self._opened_ns = 0
        self._underflows = 0

    @property
    def device(self) -> str:
        """Name of the open device."""
        return self.stream.device if self.stream else ""

    @property
    def device_underflows(self) -> int:
        """Underflows that the driver reported, over all reopenings."""
        return self._underflows + (self.stream.underflows if self.stream else 0)

    @property
    def missing_state(self) -> SinkState:
        """What to call it when nothing plays."""
        return "lost" if self.was_open else "no device"

    def tick(self, now_ns: int) -> bool:
        """Look at the device, open it if it is time to; True if it works."""
        if self.stream is None:
            return now_ns >= self._retry_ns and self._try_to_open(now_ns)
        age_ns = now_ns - self.stream.callback_ns
        if self.stream.finished:
            self._lose(now_ns, "the sound device vanished")
        elif age_ns > self._allowed_age_ns(now_ns):
            self.reason = f"the sound device has not asked for sound for {age_ns / 1e9:.1f} s"
            if age_ns > REOPEN_HUNG_NS:
                self._lose(now_ns, self.reason)
        else:
            self.reason = ""
            return True
        return False

    def _allowed_age_ns(self, now_ns: int) -> int:
        return FIRST_CALLBACK_NS if now_ns - self._opened_ns < FIRST_CALLBACK_NS else HANG_NS

    def close(self) -> None:
        """Give the device back."""
        if self.stream is not None:
            self._underflows += self.stream.underflows
            self.stream.close()
            self.stream = None

    def reopen(self, now_ns: int, reason: str) -> None:
        """Close the device and open it again with the next tick."""
        self._lose(now_ns, reason)

    def _lose(self, now_ns: int, reason: str) -> None:
        self.reason = f"{reason}; trying to open it again"
        self.close()
        self._lost_ns = now_ns
        self._tries = 0
        self._retry_ns = now_ns

    def _try_to_open(self, now_ns: int) -> bool:
        try:
            if self._tries or self.was_open:
                self._refresh()
            self.stream = self._open_stream()
        except AudioDeviceError as error:
            self.reason = str(error)
            self._retry_ns = now_ns + self._pause_s(now_ns) * 1e9
            self._tries += 1
            return False
        self.reopens += self.was_open
        self.was_open = True
        self._tries = 0
        self._opened_ns = now_ns
        self.reason = ""
        return True

    def _pause_s(self, now_ns: int) -> float:
        self._lost_ns = self._lost_ns or now_ns
        longest = 1.0 if now_ns - self._lost_ns < EAGER_S * 1e9 else LONGEST_PAUSE_S
        return min(FIRST_PAUSE_S * 2.0 ** min(self._tries, 10), longest)
