"""A sound in which every fault shows, made in real time, and the reading of its recording.

Left: a steady tone (a lost, repeated or torn piece is a kink). Right: one pulse in the middle of each hop,
whose height counts hops modulo 8 (a missing, doubled or swapped hop shows).
"""

from __future__ import annotations

import threading
import time

import numpy as np
import numpy.typing as npt

from sr_runtime.audio import AudioPlayer
from sr_runtime.types import HOP_HZ, HOP_SAMPLES, SAMPLE_RATE, Audio

TONE_HZ = 997.0
LEVEL = 0.5
TONE_STEP = LEVEL * 2 * np.pi * TONE_HZ / SAMPLE_RATE
TONE_BEND = LEVEL * (2 * np.pi * TONE_HZ / SAMPLE_RATE) ** 2
"""Largest first and second difference of the tone."""

PULSE = np.hanning(32).astype(np.float32)
MIDDLE = HOP_SAMPLES // 2


def test_hop(k: int) -> Audio:
    """Return hop ``k`` of the test sound, float32 (1600, 2)."""
    at = np.arange(k * HOP_SAMPLES, (k + 1) * HOP_SAMPLES)
    left = LEVEL * np.sin(2 * np.pi * TONE_HZ * at / SAMPLE_RATE)
    right = np.zeros(HOP_SAMPLES)
    right[MIDDLE - 16 : MIDDLE + 16] = PULSE * (0.1 + 0.1 * (k % 8))
    return np.stack([left, right], axis=1).astype(np.float32)


test_hop.__test__ = False  # type: ignore[attr-defined]


class Producer:
    """Writes the test sound at 30 hops/s like the runtime: after a stall it leaves hops out.

    Attributes:
        hops: hops written.
        captures_ns: when each was written.
        latest_s: the longest that the host kept it from writing.
    """

    def __init__(self, player: AudioPlayer) -> None:
        self._player = player
        self._ended = threading.Event()
        self._stall_s = 0.0
        self.hops = 0
        self.captures_ns: list[int] = []
        self.latest_s = 0.0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        next_s = time.monotonic()
        while not self._ended.wait(max(0.0, next_s - time.monotonic())):
            if self._stall_s:
                time.sleep(self._stall_s)
                self._stall_s, next_s = 0.0, time.monotonic()
            self.latest_s = max(self.latest_s, time.monotonic() - next_s)
            self.captures_ns.append(time.monotonic_ns())
            self._player.write(test_hop(self.hops), self.captures_ns[-1], self.hops)
            self.hops += 1
            next_s = max(next_s + 1 / HOP_HZ, time.monotonic() - 1 / HOP_HZ)

    def stall(self, seconds: float) -> None:
        """Make nothing for a while."""
        self._stall_s = seconds

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()


def sounding(sound: Audio) -> slice:
    """Return where the recording has sound: from the first to the last audible frame."""
    loud = np.nonzero(np.abs(sound[:, 0]) > 1e-3)[0]
    return slice(int(loud[0]), int(loud[-1]) + 1) if len(loud) else slice(0, 0)


def gaps_ms(sound: Audio) -> list[float]:
    """Return the lengths of the silences of 2 ms and more within the sounding part."""
    left = np.abs(sound[sounding(sound), 0])
    block = SAMPLE_RATE // 1000
    is_quiet = left[: len(left) // block * block].reshape(-1, block).max(axis=1) < 1e-3
    edges = np.diff(np.concatenate(([0], is_quiet.astype(int), [0])))
    lengths = np.nonzero(edges == -1)[0] - np.nonzero(edges == 1)[0]
    return [float(length) for length in lengths if length >= 2]


def kinks(sound: Audio) -> int:
    """Count the places (5 ms apart) where the tone bends more sharply than it can by itself."""
    bends = np.abs(np.diff(sound[:, 0].astype(np.float64), 2)) > 1.25 * TONE_BEND
    at = np.nonzero(bends)[0]
    return int(1 + (np.diff(at) > 240).sum()) if len(at) else 0


def largest_step(sound: Audio) -> float:
    """Return the largest step of the tone from sample to sample, 1 = what it does by itself."""
    return float(np.abs(np.diff(sound[:, 0])).max() / TONE_STEP)


def pulses(sound: Audio) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where the pulses are (frames) and their hop numbers modulo 8."""
    right = sound[:, 1]
    is_peak = (right[1:-1] > 0.05) & (right[1:-1] >= right[:-2]) & (right[1:-1] > right[2:])
    at = np.nonzero(is_peak)[0] + 1
    return at, np.round((right[at] - 0.1) / 0.1).astype(np.int64) % 8
