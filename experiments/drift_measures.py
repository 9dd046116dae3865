"""What five minutes of sound are like, in figures that an endless session must not move away from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sr_runtime.evaluate.distribution import EmbeddingSet, KernelSums
from sr_runtime.evaluate.paired import levels_db
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.types import HOP_HZ, SAMPLE_RATE, Audio

FloatArray = npt.NDArray[np.float64]

SILENT_DB = -60.0
"""A tenth of a second below this is silent."""

SEGMENT_PATCHES = 10
"""Patches of 0.96 s that the bootstrap draws together: neighbours resemble each other."""

LOOPS_S = (0.5, 20.0)
"""Lengths of loops that are looked for."""

DRAWS = 1000
_WINDOW = 2048


@dataclass(frozen=True)
class TakeFigures:
    """One take's figures.

    Attributes:
        embeddings: YAMNet's, float64 (patches, 1024).
        loudness_db: Level of the whole take, dBFS.
        centroid_hz: Centre of its mean power spectrum.
        silence: Share of tenths of a second that are silent.
        loop: Largest autocorrelation of its band levels at 0.5–20 s: near 1 when a few seconds are repeated
            for ever.
    """

    embeddings: FloatArray
    loudness_db: float
    centroid_hz: float
    silence: float
    loop: float

    def summary(self) -> dict[str, float]:
        """Return the figures without the embeddings."""
        return {name: float(value) for name, value in self.arrays() if name != "embeddings"}

    def arrays(self) -> Iterator[tuple[str, Any]]:
        """Yield every figure by name."""
        for name in ("embeddings", "loudness_db", "centroid_hz", "silence", "loop"):
            yield name, getattr(self, name)

    @classmethod
    def of(cls, arrays: Mapping[str, Any], index: int) -> TakeFigures:
        """Read the figures of one seed."""
        numbers = {name: float(arrays[f"{name}{index}"]) for name in _NUMBERS}
        return cls(embeddings=arrays[f"embeddings{index}"], **numbers)


_NUMBERS = ("loudness_db", "centroid_hz", "silence", "loop")


def judge_take(audio: Audio, yamnet: Yamnet) -> TakeFigures:
    """Measure a take, float32 (samples, 2), 48 kHz."""
    power = (10 ** (levels_db(audio, 0.1) / 10)).mean(axis=1)
    levels = 10 * np.log10(power + 1e-20)
    return TakeFigures(
        embeddings=yamnet.hear(audio).embeddings,
        loudness_db=float(10 * np.log10(power.mean() + 1e-20)),
        centroid_hz=spectral_centroid_hz(audio),
        silence=float((levels < SILENT_DB).mean()),
        loop=loop_strength(band_levels(audio)),
    )


def spectral_centroid_hz(audio: Audio) -> float:
    """Return the centre of the mean power spectrum of both channels, Hz; 0 for digital silence."""
    mono = audio.mean(axis=1)
    frames = mono[: len(mono) // _WINDOW * _WINDOW].reshape(-1, _WINDOW) * np.hanning(_WINDOW)
    power = np.square(np.abs(np.fft.rfft(frames, axis=1))).mean(axis=0)
    hertz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)
    return float((power * hertz).sum() / power.sum()) if power.sum() > 0 else 0.0


def loop_strength(lines: FloatArray) -> float:
    """Return the largest normalised autocorrelation of (hops, numbers) at the lags of :data:`LOOPS_S`."""
    centred = lines - lines.mean(axis=0)
    size = 2 * len(centred)
    spectrum = np.fft.rfft(centred, size, axis=0)
    raw = np.fft.irfft(np.square(np.abs(spectrum)), size, axis=0)[: len(centred)].sum(axis=1)
    if raw[0] <= 0:
        return 1.0  # nothing ever changes: the shortest loop of all
    overlap = len(centred) / (len(centred) - np.arange(len(centred)))
    low, high = (min(round(s * HOP_HZ), len(centred) // 2) for s in LOOPS_S)
    return float((raw * overlap / raw[0])[low : high + 1].max())


def ratio_interval(
    real: FloatArray, takes: Sequence[Sequence[FloatArray]]
) -> tuple[list[float], dict[str, float]]:
    """Return every take's KAD from the real sound, and the last one's over the first one's.

    Args:
        real: Embeddings (patches, 1024) of the real take.
        takes: Of each repetition, of each seed; all seeds of a repetition are one set.

    Returns:
        KAD per take; ``value``, ``low`` and ``high`` (95 % of draws of segments) of the ratio, and
        ``last_from_first``, the KAD of the last against the first.
    """
    reference = _segments([real])
    sums = [KernelSums(reference, _segments(take)) for take in (takes[0], takes[-1])]
    count = len(sums[0].clips)
    rng = np.random.default_rng(0)
    weights = rng.multinomial(count, np.full(count, 1 / count), size=DRAWS).astype(np.float64)
    drawn = [sums[1].kad(row) / sums[0].kad(row) for row in weights]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    distances = [KernelSums(reference, _segments(take)).kad() for take in takes]
    apart = KernelSums(_segments(takes[0]), _segments(takes[-1])).kad()
    return distances, {
        "value": distances[-1] / distances[0],
        "low": float(low),
        "high": float(high),
        "last_from_first": apart,
    }


def _segments(rows: Sequence[FloatArray]) -> EmbeddingSet:
    """Return one set in which the same ten seconds of every row are one clip."""
    clips = [np.arange(len(row)) // SEGMENT_PATCHES for row in rows]
    return EmbeddingSet(np.concatenate(rows), np.concatenate(clips).astype(np.int64))


def band_levels(audio: Audio) -> FloatArray:
    """Return log levels of 40 bands per hop, float64 (hops, 40)."""
    mono = audio.mean(axis=1)
    hop = SAMPLE_RATE // HOP_HZ
    power = np.square(np.abs(np.fft.rfft(mono[: len(mono) // hop * hop].reshape(-1, hop), axis=1)))
    edges = np.unique(np.geomspace(1, power.shape[1], 41).astype(int))
    return np.log(np.add.reduceat(power, edges[:-1], axis=1) + 1e-6)
