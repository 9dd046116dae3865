"""Find the true onsets at which one class of sound is heard alone, and describe what is heard there.

Stems say which class sounds when. Called for the clips of an evaluation and for training clips alike.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from sr_runtime.evaluate.onsets import BAND_STEP_S, FloatArray, log_bands
from sr_runtime.evaluate.sync import TOLERANCE_S
from sr_runtime.types import SAMPLE_RATE, Audio

HEARD_S: Final = 0.4
"""Length of what is heard at an onset: shots are over by then, doors and cries have shown themselves."""

_LEAST_LEAD: Final = 2.0
"""How many times the power of all other classes together the class must have. At 3 dB a classifier still
knows them (all of 10 in half a clip of dense play), and there are three times as many as at 10 dB."""

_LEAST_GAP_S: Final = 0.3
"""Between two onsets that are both taken: one burst of fire is not ten observations."""

_SILENT_POWER: Final = 1e-6
"""Mean power (−60 dBFS) below which nothing is heard, whatever its spectrum is."""

_SLOTS_S: Final = (0.0, 0.02, 0.05, 0.1, 0.2, 0.3, HEARD_S)
"""Times between which the bands are averaged: fine at the attack, coarse in the tail."""

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class IsolatedOnsets:
    """True onsets at which one class sounds alone.

    Attributes:
        times_s: float64 (n,), ascending.
        classes: The class of each.
    """

    times_s: FloatArray
    classes: tuple[str, ...]


@dataclass(frozen=True)
class OnsetSounds:
    """What one sound has at some onsets.

    Attributes:
        features: float64 (n, 240): 40 bands × 6 slots of time, log magnitude relative to their mean, so that
            loudness tells nothing.
        is_silent: (n,): whether nothing is heard there.
    """

    features: FloatArray
    is_silent: BoolArray


def isolated_onsets(stems: Mapping[str, Audio], onsets_s: Mapping[str, FloatArray]) -> IsolatedOnsets:
    """Return the onsets at which one class is 3 dB louder than all others together, for 0.4 s.

    Args:
        stems: Class → its sounds alone, float32 (samples, 2), 48 kHz.
        onsets_s: Class → when they begin.

    Returns:
        Onsets at least 0.3 s apart.
    """
    energy = {name: _running_energy(stem) for name, stem in stems.items()}
    length = min((len(stem) for stem in stems.values()), default=0)
    alone = sorted(
        (float(time_s), name)
        for name, times_s in onsets_s.items()
        for time_s in times_s
        if (time_s + HEARD_S) * SAMPLE_RATE <= length and _leads(name, energy, float(time_s))
    )
    kept: list[tuple[float, str]] = []
    for time_s, name in alone:
        if not kept or time_s - kept[-1][0] >= _LEAST_GAP_S:
            kept.append((time_s, name))
    return IsolatedOnsets(np.array([time_s for time_s, _ in kept]), tuple(name for _, name in kept))


def sounds_at(audio: Audio, times_s: FloatArray, own_onsets_s: FloatArray) -> OnsetSounds:
    """Describe what a sound has at true onsets.

    Args:
        audio: float32 (samples, 2), 48 kHz.
        times_s: True onsets, 0.4 s or more before its end.
        own_onsets_s: The sound's own onsets: one within 50 ms of a true one is what is heard for it, so that
            a class is not missed for being late.

    Returns:
        One row for each true onset.
    """
    bands, energy = log_bands(audio), _running_energy(audio)
    edges = np.rint(np.array(_SLOTS_S) / BAND_STEP_S).astype(int)
    rows, silent = [], []
    for time_s in times_s:
        begin_s = _own_time(float(time_s), own_onsets_s)
        heard = _slice(bands, round(begin_s / BAND_STEP_S), int(edges[-1]))
        slots = [heard[low:high].mean(axis=0) for low, high in itertools.pairwise(edges)]
        rows.append(np.concatenate(slots) - np.mean(slots))
        silent.append(_energy(energy, begin_s) < _SILENT_POWER * HEARD_S * SAMPLE_RATE)
    width = bands.shape[1] * (len(edges) - 1)
    return OnsetSounds(np.reshape(rows, (-1, width)).astype(np.float64), np.array(silent, np.bool_))


def _leads(name: str, energy: Mapping[str, FloatArray], time_s: float) -> bool:
    others = sum(_energy(of_other, time_s) for other, of_other in energy.items() if other != name)
    return _energy(energy[name], time_s) >= _LEAST_LEAD * others


def _own_time(time_s: float, own_onsets_s: FloatArray) -> float:
    if len(own_onsets_s) == 0:
        return time_s
    nearest = float(own_onsets_s[np.abs(own_onsets_s - time_s).argmin()])
    return nearest if abs(nearest - time_s) <= TOLERANCE_S else time_s


def _running_energy(audio: Audio) -> FloatArray:
    """Return the energy of all samples before each, mean of the channels, float64 (samples + 1,)."""
    return np.concatenate([[0.0], np.cumsum((audio.astype(np.float64) ** 2).mean(axis=1))])


def _energy(running: FloatArray, begin_s: float) -> float:
    """Return the energy of the 0.4 s from a time on."""
    begin = round(begin_s * SAMPLE_RATE)
    end = min(begin + round(HEARD_S * SAMPLE_RATE), len(running) - 1)
    return float(running[end] - running[begin])


def _slice(bands: FloatArray, begin: int, count: int) -> FloatArray:
    """Return ``count`` rows, the last repeated where the sound ends before."""
    return bands[np.minimum(np.arange(begin, begin + count), len(bands) - 1)]
