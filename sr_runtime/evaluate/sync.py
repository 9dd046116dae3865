"""Judge whether sounds begin when they should: onset F1, its chance level, and the time offset.

All functions work on onset times in seconds, wherever they come from: a detector or click ground truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

TOLERANCE_S: Final = 0.05
"""A generated onset this near to a true one hears as the same event."""

MAX_OFFSET_S: Final = 1.0
"""Offsets are searched this far on both sides."""

_OFFSET_STEP_S: Final = 0.001
_OFFSET_WIDTH_S: Final = 0.02
"""Standard deviation of the bump around each onset: wider than the detectors' jitter, narrower than a hop."""

_LEAST_ONSETS: Final = 3
"""With fewer onsets on either side the arg max of a clip is chance."""

Times = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OnsetCounts:
    """How many onsets were matched; counts add up over clips.

    Attributes:
        matched: Pairs within the tolerance, one to one.
        estimated: Onsets of the generated sound.
        reference: True onsets.
    """

    matched: int
    estimated: int
    reference: int

    def __add__(self, other: OnsetCounts) -> OnsetCounts:
        """Return the counts of both together."""
        return OnsetCounts(
            self.matched + other.matched, self.estimated + other.estimated, self.reference + other.reference
        )

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall, 0..1; 1 where there was nothing to find and none found."""
        total = self.estimated + self.reference
        return 2 * self.matched / total if total else 1.0

    @property
    def precision(self) -> float:
        """Share of the generated onsets that were matched, 0..1; 1 where there was none."""
        return self.matched / self.estimated if self.estimated else 1.0

    @property
    def recall(self) -> float:
        """Share of the true onsets that were matched, 0..1; 1 where there was nothing to find."""
        return self.matched / self.reference if self.reference else 1.0


@dataclass(frozen=True)
class OnsetPair:
    """The onsets of one clip.

    Attributes:
        estimated: float64 (n,), seconds: of the generated sound.
        reference: float64 (m,), seconds: the truth.
        duration_s: Length of the clip.
    """

    estimated: Times
    reference: Times
    duration_s: float


def count_matches(estimated: Times, reference: Times, tolerance_s: float = TOLERANCE_S) -> OnsetCounts:
    """Match onsets one to one within the tolerance.

    Walking both ascending lists and pairing whenever possible finds a largest matching, because every
    onset accepts an interval of the same width.

    Args:
        estimated: float64 (n,), seconds, any order.
        reference: float64 (m,), seconds, any order.
        tolerance_s: Largest distance of a pair, inclusive.

    Returns:
        The counts.
    """
    left, right = np.sort(estimated), np.sort(reference)
    i = j = matched = 0
    while i < len(left) and j < len(right):
        distance = left[i] - right[j]
        # 1 ns of slack: times are sums of decimal fractions.
        if abs(distance) <= tolerance_s + 1e-9:
            matched, i, j = matched + 1, i + 1, j + 1
        elif distance < 0:
            i += 1
        else:
            j += 1
    return OnsetCounts(matched, len(left), len(right))


def onset_f1(estimated: Times, reference: Times, tolerance_s: float = TOLERANCE_S) -> float:
    """Return the F1 of one clip's onsets, 0..1.

    Example:
        >>> onset_f1(np.array([1.0, 2.0]), np.array([1.04, 3.0]))
        0.5
    """
    return count_matches(estimated, reference, tolerance_s).f1


def pooled_f1(pairs: Sequence[OnsetPair], tolerance_s: float = TOLERANCE_S) -> float:
    """Return the F1 over all onsets of all clips, so that a clip weighs as many events as it has."""
    return pooled_counts(pairs, tolerance_s).f1


def pooled_counts(pairs: Sequence[OnsetPair], tolerance_s: float = TOLERANCE_S) -> OnsetCounts:
    """Return the counts of all clips together."""
    counts = (count_matches(pair.estimated, pair.reference, tolerance_s) for pair in pairs)
    return sum(counts, start=OnsetCounts(0, 0, 0))


def chance_f1(
    pairs: Sequence[OnsetPair], shifts: int = 20, seed: int = 0, tolerance_s: float = TOLERANCE_S
) -> float:
    """Return the F1 that the same onsets get at wrong times.

    Every clip's generated onsets are shifted in a circle by at least a tenth of the clip, anew for each of
    the shifts: rate and rhythm stay, the relation to the truth goes.

    Args:
        pairs: The clips' onsets.
        shifts: How many times the whole set is shifted; the mean is returned.
        seed: Of the shifts, so that a report can be repeated.
        tolerance_s: As in :func:`count_matches`.

    Returns:
        Mean F1, 0..1.
    """
    scores = [pooled_f1(shifted, tolerance_s) for shifted in _shifted(pairs, shifts, seed)]
    return float(np.mean(scores)) if scores else 0.0


def chance_recall(pairs: Sequence[OnsetPair], shifts: int = 20, seed: int = 0) -> float:
    """Return the share of true onsets that the same onsets answer at wrong times, as :func:`chance_f1`."""
    return float(np.mean([pooled_counts(shifted).recall for shifted in _shifted(pairs, shifts, seed)]))


def _shifted(pairs: Sequence[OnsetPair], shifts: int, seed: int) -> Iterator[list[OnsetPair]]:
    rng = np.random.default_rng(seed)
    for _ in range(shifts):
        yield [_shift(pair, float(rng.uniform(0.1, 0.9)) * pair.duration_s) for pair in pairs]


def _shift(pair: OnsetPair, by_s: float) -> OnsetPair:
    moved = np.sort((pair.estimated + by_s) % pair.duration_s)
    return OnsetPair(moved, pair.reference, pair.duration_s)


def onset_lags(pairs: Sequence[OnsetPair], reach_s: float) -> Times:
    """Return generated minus true time of all onsets nearer than ``reach_s``, float64 (n,), seconds."""
    lags = [(pair.estimated[:, None] - pair.reference[None, :]).ravel() for pair in pairs]
    every = np.concatenate([np.zeros(0), *lags])
    return np.asarray(every[np.abs(every) <= reach_s])


def chance_lags(pairs: Sequence[OnsetPair], reach_s: float, shifts: int = 20, seed: int = 0) -> list[Times]:
    """Return :func:`onset_lags` of the same onsets at wrong times, once for each shift."""
    return [onset_lags(shifted, reach_s) for shifted in _shifted(pairs, shifts, seed)]


def sync_offset_ms(estimated: Times, reference: Times) -> float | None:
    """Return by how much the generated onsets lag the true ones.

    It is the arg max of the cross-correlation of the two onset trains over ±1 s, each onset a bump of 20 ms.

    Args:
        estimated: float64 (n,), seconds.
        reference: float64 (m,), seconds.

    Returns:
        Milliseconds, positive = the generated sound is late; None with fewer than 3 onsets on a side.
    """
    if min(len(estimated), len(reference)) < _LEAST_ONSETS:
        return None
    differences = (estimated[:, None] - reference[None, :]).ravel()
    differences = differences[np.abs(differences) <= MAX_OFFSET_S + 3 * _OFFSET_WIDTH_S]
    if len(differences) == 0:
        return None
    lags = np.arange(-MAX_OFFSET_S, MAX_OFFSET_S + _OFFSET_STEP_S / 2, _OFFSET_STEP_S)
    bumps = np.exp(-0.5 * ((lags[:, None] - differences[None, :]) / _OFFSET_WIDTH_S) ** 2)
    return float(lags[bumps.sum(axis=1).argmax()] * 1000)


@dataclass(frozen=True)
class OffsetSpread:
    """The clips' sync offsets in milliseconds; None where no clip had enough onsets.

    Attributes:
        median: Middle of the clips' offsets.
        p10: Tenth percentile.
        p90: Ninetieth percentile.
        clips: How many clips had enough onsets.
    """

    median: float | None
    p10: float | None
    p90: float | None
    clips: int


def offset_spread(pairs: Sequence[OnsetPair]) -> OffsetSpread:
    """Return median, p10 and p90 of the clips' sync offsets."""
    offsets = [sync_offset_ms(pair.estimated, pair.reference) for pair in pairs]
    known = [offset for offset in offsets if offset is not None]
    if not known:
        return OffsetSpread(None, None, None, 0)
    p10, median, p90 = (float(value) for value in np.percentile(known, [10, 50, 90]))
    return OffsetSpread(median, p10, p90, len(known))
