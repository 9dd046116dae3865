"""Compare a generated sound with the true sound of the same frames: loudness, side, kind.

Unlike a distribution distance, these punish the right sound at the wrong moment.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sr_runtime.errors import DataError
from sr_runtime.types import SAMPLE_RATE, Audio

SILENCE_DB: Final = -60.0
"""Quieter is silence: otherwise a model's −80 dB of hiss against digital zero would rule the correlation. The
games' own level is seldom near it: 42 % of sparse play lies below −90 dBFS, 44 % below −60."""

SILENCE_WINDOW_S: Final = 0.1
"""Of the windows that are judged silent or not: a gap between two sounds shows, one between two waves not."""

SIDE_WINDOW_S: Final = 0.1
"""Of the windows whose side is judged."""

_SIDE_LEVEL_DB: Final = -45.0
"""Quieter windows of the reference have no side worth judging."""

_SIDE_DIFFERENCE_DB: Final = 3.0
"""Level difference from which the reference counts as clearly panned."""

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]


def levels_db(audio: Audio, window_s: float) -> FloatArray:
    """Return each channel's level in consecutive windows.

    Args:
        audio: float32 (samples, 2), 48 kHz.
        window_s: Length of a window; a rest shorter than it is dropped.

    Returns:
        float64 (windows, 2), dBFS of the root mean square; digital silence is −200.
    """
    size = round(window_s * SAMPLE_RATE)
    windows = audio[: len(audio) // size * size].astype(np.float64).reshape(-1, size, 2)
    power = (windows**2).mean(axis=1)
    return np.asarray(10 * np.log10(power + 1e-20))


def loudness_db(audio: Audio, window_s: float = 1.0) -> FloatArray:
    """Return the level of both channels together per window, float64 (windows,), dBFS, ≥ −60."""
    power = (10 ** (levels_db(audio, window_s) / 10)).mean(axis=1)
    return np.asarray(np.maximum(10 * np.log10(power), SILENCE_DB))


def silent_windows(audio: Audio) -> BoolArray:
    """Return for each 0.1 s whether both channels together are at −60 dBFS or below, bool (windows,)."""
    return np.asarray(loudness_db(audio, SILENCE_WINDOW_S) <= SILENCE_DB)


def loudness_correlation(generated: Audio, true: Audio) -> float:
    """Return how well the loudness of each second follows the truth.

    Args:
        generated: float32 (samples, 2), 48 kHz.
        true: The same shape.

    Returns:
        Pearson's r over seconds, −1..1; 0 where either loudness is constant, which tells nothing.

    Raises:
        DataError: The sounds have different lengths.
    """
    _check_same_length(generated, true)
    ours, theirs = loudness_db(generated), loudness_db(true)
    if len(ours) < 2 or min(np.ptp(ours), np.ptp(theirs)) < 1e-6:
        return 0.0
    return float(np.corrcoef(ours, theirs)[0, 1])


def side_votes(generated: Audio, true: Audio) -> FloatArray:
    """Return for each clearly panned window of the truth whether the generated sound leans the same way.

    Args:
        generated: float32 (samples, 2), 48 kHz.
        true: The same shape.

    Returns:
        float64 (panned windows of 100 ms,): 1 same side, 0 other side, 0.5 exactly in the middle.

    Raises:
        DataError: The sounds have different lengths.
    """
    _check_same_length(generated, true)
    ours, theirs = levels_db(generated, SIDE_WINDOW_S), panning_db(true)
    product = np.sign(theirs) * np.sign(ours[:, 0] - ours[:, 1])
    return np.asarray((product[theirs != 0] + 1) / 2)


def panning_db(audio: Audio) -> FloatArray:
    """Return by how much left is louder than right per 100 ms, dB; 0 where it is not clearly panned.

    Args:
        audio: float32 (samples, 2), 48 kHz.

    Returns:
        float64 (windows,).
    """
    levels = levels_db(audio, SIDE_WINDOW_S)
    difference = levels[:, 0] - levels[:, 1]
    is_panned = (levels.max(axis=1) > _SIDE_LEVEL_DB) & (np.abs(difference) > _SIDE_DIFFERENCE_DB)
    return np.where(is_panned, difference, 0.0)


def side_agreement(generated: Audio, true: Audio) -> float:
    """Return the share of clearly panned windows that lean to the true side; chance is 0.5.

    Without a clearly panned window it is 0.5.
    """
    votes = side_votes(generated, true)
    return float(votes.mean()) if len(votes) else 0.5


def kl_posteriors(true: FloatArray, generated: FloatArray) -> float:
    """Return the mean Kullback–Leibler divergence of class posteriors, truth against generated.

    Args:
        true: float64 (pairs, classes), rows summing to 1.
        generated: The same shape.

    Returns:
        Nats, ≥ 0.

    Raises:
        DataError: The shapes differ.
    """
    if true.shape != generated.shape:
        raise DataError(
            f"posteriors must come in pairs: got {true.shape} true and {generated.shape} generated"
        )
    # 1e-6, the customary guard: a class that one side calls impossible must not make the mean infinite.
    ratio = np.log(true + 1e-6) - np.log(generated + 1e-6)
    return float((true * ratio).sum(axis=1).mean())


def _check_same_length(generated: Audio, true: Audio) -> None:
    if generated.shape != true.shape:
        raise DataError(
            f"paired metrics need sounds of one length: got {generated.shape} generated and {true.shape} true"
        )
