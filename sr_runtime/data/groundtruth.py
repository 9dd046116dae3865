"""Exact ground truth of a take: replay its seed with changed sounds, and check that it stays the same game.

Called by the recorder after the take itself. Clicks give the start of every sound to the millisecond; stems
give the sounds of one class alone.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sr_runtime.data.alignment import GAME_RATE, TIC_HZ, Tic, hops_of_tics
from sr_runtime.data.doom_game import TakeSpec, game_data
from sr_runtime.data.pwad import STEMS, write_click_wad, write_stem_wad
from sr_runtime.data.vizdoom import Take
from sr_runtime.errors import DataError

AUDIBLE = 0.02
"""Weaker clicks, as a share of full scale, count as inaudible: −34 dB, 26 dB below a sound at the ear."""


class ReplayDiffers(DataError):  # noqa: N818 - reads as the fact it states
    """A replay with changed sounds became another game; recording the clip again usually helps."""


class Fingerprint:
    """Remembers a take's pictures by checksum, so that a replay can be compared tic by tic."""

    def __init__(self) -> None:
        self._sums: list[int] = []

    def record(self, tics: Iterator[Tic]) -> Iterator[Tic]:
        """Pass tics through and remember them."""
        for tic in tics:
            self._sums.append(zlib.crc32(tic.frame.data))
            yield tic

    def verify(self, tics: Iterator[Tic], label: str) -> Iterator[Tic]:
        """Pass tics through.

        Raises:
            ReplayDiffers: a picture differs from the one remembered, so the replay is another game.
        """
        for number, tic in enumerate(tics):
            if zlib.crc32(tic.frame.data) != self._sums[number]:
                raise ReplayDiffers(
                    f"{label}: the replay's picture differs at tic {number} ({number / TIC_HZ:.2f} s), so "
                    "its sounds are no ground truth; record the clip again."
                )
            yield tic


def click_onsets(spec: TakeSpec, tics: int, fingerprint: Fingerprint) -> npt.NDArray[np.float64]:
    """Replay a take with clicks and return when sounds start, in seconds, at most one per tic.

    Args:
        spec: the take.
        tics: its length.
        fingerprint: of the take itself.

    Raises:
        ReplayDiffers: the replay differs from the take.
    """
    with tempfile.TemporaryDirectory(prefix="sr-clicks-") as folder:
        wad = Path(folder) / "clicks.wad"
        write_click_wad(game_data(spec.wad), wad)
        with Take(replace(spec, sound_wad=wad, log_doors=False)) as take:
            sounds = [tic.sound for tic in fingerprint.verify(take.tics(tics), "clicks")]
    return _click_times(sounds)


def _click_times(sounds: list[npt.NDArray[np.int16]]) -> npt.NDArray[np.float64]:
    times, was_loud = [], False
    for number, sound in enumerate(sounds):
        loud = np.abs(sound.astype(np.int32)).max(axis=1) > AUDIBLE * 32768
        # A click that begins at a tic's end goes on in the next one and counts once.
        if loud.any() and not (was_loud and loud[0]):
            times.append(number / TIC_HZ + int(loud.argmax()) / GAME_RATE)
        was_loud = bool(loud[-1])
    return np.asarray(times, np.float64)


def stems(spec: TakeSpec, tics: int, fingerprint: Fingerprint) -> Iterator[tuple[str, npt.NDArray[np.int16]]]:
    """Replay a take once per class of sounds and yield each class's name and sound, int16 (hops × 1600, 2).

    Raises:
        ReplayDiffers: a replay differs from the take.
    """
    for stem in STEMS:
        with tempfile.TemporaryDirectory(prefix="sr-stem-") as folder:
            wad = Path(folder) / f"{stem}.wad"
            write_stem_wad(game_data(spec.wad), wad, stem)
            with Take(replace(spec, sound_wad=wad, log_doors=False)) as take:
                hops = hops_of_tics(fingerprint.verify(take.tics(tics), f"stem {stem}"))
                yield stem, np.concatenate([hop.sound for hop in hops])
