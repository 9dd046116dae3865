"""What was heard at the sink, by the probe's numbered hops, and whether the host let it be heard whole."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from sr_runtime.engine import Engine
from sr_runtime.engine.probe import TONE_END, TONE_START, read_hops
from sr_runtime.types import Audio
from tests.godot.game import Game, Line

STALL_S = 0.04


@lru_cache(maxsize=1)
def sent_level() -> float:
    """Return the RMS of the tones as the probe makes them, mean of both sides."""
    session = Engine("probe").open_session(seed=0)
    dark = np.zeros((32, 32, 3), np.uint8)
    return Heard.of(np.concatenate([session.step(dark) for _ in range(20)])).level


@dataclass(frozen=True)
class Heard:
    """Hops in a recording.

    Attributes:
        numbers: In the order heard.
        level: RMS of the tones, mean of both sides.
    """

    numbers: list[int]
    level: float

    @classmethod
    def of(cls, sound: Audio, skip_s: float = 0.0) -> Heard:
        """Read a recording, without its first ``skip_s`` seconds of hops."""
        hops = [(at, number) for at, number in read_hops(sound) if at >= skip_s * 48000]
        mono = sound.mean(axis=1)
        bursts = [mono[max(0, at + TONE_START) : at + TONE_END] for at, _ in hops]
        level = float(np.sqrt(np.mean(np.concatenate(bursts) ** 2))) if bursts else 0.0
        return cls([number for _, number in hops], level)

    @property
    def missing(self) -> int:
        """Hops between the first and the last that were not heard."""
        return self.numbers[-1] - self.numbers[0] + 1 - len(self.numbers) if self.numbers else 0

    @property
    def is_in_order(self) -> bool:
        """Whether every number is higher than the one before."""
        return bool((np.diff(self.numbers) > 0).all())


class Witness:
    """Notices how late a thread of this process wakes up: what the host does to us, it does to the game."""

    def __enter__(self) -> Witness:
        self.latest_s = 0.0
        self._is_ending = False
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_ending = True
        self._thread.join()

    def _watch(self) -> None:
        while not self._is_ending:
            due_s = time.monotonic() + 0.005
            time.sleep(0.005)
            self.latest_s = max(self.latest_s, time.monotonic() - due_s)


def disturbance(witness: Witness, game: Game, before: Line) -> str:
    """Say how the host disturbed a measurement since the figures ``before``; empty if it did not."""
    now = game.figures
    if witness.latest_s > STALL_S:
        return f"this process was kept waiting for {witness.latest_s * 1000:.0f} ms"
    longest_ms = max(line.get("longest_frame_ms", 0.0) for line in game.lines[-20:])
    if longest_ms > 150:
        return f"the game was kept waiting for {longest_ms:.0f} ms"
    skipped = now["runtime_status"].get("hops_skipped", 0) - before["runtime_status"].get("hops_skipped", 0)
    return f"the runtime was too late for {skipped} hops" if skipped else ""
