"""Find when sounds begin, by spectral flux.

Called by the sync metrics on generated and on real sound alike, so that both carry the same detector errors.
The constants were tuned on recorded game sound against click ground truth (``docs/evaluation.md``).
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from sr_runtime.errors import DataError
from sr_runtime.types import CHANNELS, SAMPLE_RATE, Audio

_WINDOW: Final = 1024
"""Samples per spectrum: 21 ms, short enough that two shots 50 ms apart stay two."""

_STEP: Final = 240
"""Samples between spectra: 5 ms, a tenth of the matching tolerance."""

BAND_STEP_S: Final = _STEP / SAMPLE_RATE
"""Time between the rows of :func:`log_bands`."""

_LAG: Final = 2
"""Spectra between the two that are compared: 10 ms, about the rise of a gun shot in the window."""

_BANDS: Final = 40
"""Mel-like bands from 60 Hz to 12 kHz: the games' samples end at 11 kHz."""

_FLOOR: Final = 1e-3
"""Band magnitude (−60 dBFS) below which a change is inaudible beside the games’ effects."""

_THRESHOLD: Final = 1.25
"""Least strength of an onset: flux above the local mean, plus the weighted rise of the level."""

_RISE_WEIGHT: Final = 0.12
"""Strength per dB of rise. A gun's reload clicks flux like a shot, but the level does not rise with them."""

_RISE_LIMITS_DB: Final = (-5.0, 20.0)
"""Beyond these a rise says no more: a sound out of digital silence rises without bound."""

_RISE_WINDOW: Final = 6
"""Steps of 5 ms before and after that are compared: 30 ms, within the matching tolerance."""

_POWER_FLOOR: Final = 1e-7
"""Power that counts as silence (−70 dBFS), so that hiss does not rise."""

_NEIGHBOURHOOD_S: Final = 0.03
"""A peak is the largest flux this far on both sides."""

_MEAN_S: Final = 0.2
"""Length of the window of the local mean that a peak must exceed."""

_BIAS_S: Final = -0.005
"""Mean of detected minus true time, subtracted: the window sees a sound before its centre reaches it."""

_CHUNK: Final = 4000
"""Spectra computed at once: 20 s, so that an hour of sound needs no gigabyte."""

FloatArray = npt.NDArray[np.float64]


def detect_onsets(audio: Audio) -> FloatArray:
    """Return the times at which sounds begin.

    Args:
        audio: float32 (samples, 2), 48 kHz, −1..1.

    Returns:
        float64 (onsets,), seconds, ascending.

    Raises:
        DataError: The array is not stereo sound.

    Example:
        >>> sound = np.zeros((48_000, 2), np.float32)
        >>> sound[24_000:24_400] = 0.5
        >>> detect_onsets(sound).round(1)
        array([0.5])
    """
    if audio.ndim != 2 or audio.shape[1] != CHANNELS:
        raise DataError(f"onset detection needs sound of shape (samples, 2), got {audio.shape}")
    if len(audio) < _WINDOW:
        return np.zeros(0)
    flux = spectral_flux(audio)
    times = _peaks(flux, _level_rise(audio)) * _STEP / SAMPLE_RATE - _BIAS_S
    return np.clip(times, 0.0, len(audio) / SAMPLE_RATE)


def spectral_flux(audio: Audio) -> FloatArray:
    """Return how much louder the bands became over the last 10 ms.

    Args:
        audio: float32 (samples, 2), 48 kHz.

    Returns:
        float64 (spectra,), one per 5 ms, in nepers averaged over 40 bands, ≥ 0.
    """
    bands = log_bands(audio)
    # The widest neighbouring band of the past: a pitch that glides by one band is no onset.
    past = _sliding_max(bands[:-_LAG].T, 3).T
    rise = np.maximum(bands[_LAG:] - past, 0.0).mean(axis=1)
    return np.concatenate([np.zeros(_LAG), rise])


def log_bands(audio: Audio) -> FloatArray:
    """Return log magnitudes of 40 bands from 60 Hz to 12 kHz.

    Args:
        audio: float32 (samples, 2), 48 kHz.

    Returns:
        float64 (spectra, 40), nepers, ≥ −6.9; spectrum t is centred on sample 240·t and spans 21 ms.
    """
    padded = np.pad(audio, ((_WINDOW // 2, _WINDOW // 2), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW, axis=0)[::_STEP]
    weights = _band_weights()
    shape = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    scale = 2.0 / shape.sum()
    rows = []
    for start in range(0, len(windows), _CHUNK):
        spectra = np.fft.rfft(windows[start : start + _CHUNK] * shape, axis=2)
        power = (np.abs(spectra) ** 2).sum(axis=1) * scale**2
        rows.append(np.log(np.sqrt(power @ weights) + _FLOOR))
    return np.concatenate(rows)


def _band_weights() -> FloatArray:
    """Return triangular bands float64 (513, 40), evenly spaced in mel, each with unit sum."""
    low_mel, high_mel = (2595 * math.log10(1 + edge_hz / 700) for edge_hz in (60.0, 12_000.0))
    edges = 700 * (10 ** (np.linspace(low_mel, high_mel, _BANDS + 2) / 2595) - 1)
    hz = np.fft.rfftfreq(_WINDOW, 1 / SAMPLE_RATE)[:, None]
    rise = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    weights: FloatArray = np.maximum(0.0, np.minimum(rise, fall))
    # The lowest bands are narrower than one bin of 47 Hz: give each its nearest bin.
    nearest = np.abs(hz - edges[1:-1]).argmin(axis=0)
    empty = weights.sum(axis=0) == 0
    weights[nearest[empty], np.flatnonzero(empty)] = 1.0
    return weights


def _level_rise(audio: Audio) -> FloatArray:
    """Return by how much the 30 ms after each spectrum's centre are louder than those before, in dB, limited.

    Returns:
        float64 (spectra,), as many as :func:`spectral_flux` gives.
    """
    power = np.concatenate([[0.0], np.cumsum((audio.astype(np.float64) ** 2).sum(axis=1))])
    centres = np.arange(0, len(audio) + 1, _STEP)
    before = power[centres] - power[np.maximum(centres - _RISE_WINDOW * _STEP, 0)]
    after = power[np.minimum(centres + _RISE_WINDOW * _STEP, len(audio))] - power[centres]
    floor = _POWER_FLOOR * _RISE_WINDOW * _STEP
    rise: FloatArray = np.clip(10 * np.log10((after + floor) / (before + floor)), *_RISE_LIMITS_DB)
    return rise


def _peaks(flux: FloatArray, rise_db: FloatArray) -> npt.NDArray[np.int64]:
    """Return the spectra where the flux is a local maximum and strong enough."""
    reach = 2 * round(_NEIGHBOURHOOD_S * SAMPLE_RATE / _STEP) + 1
    span = round(_MEAN_S * SAMPLE_RATE / _STEP)
    mean = np.convolve(flux, np.full(span, 1 / span), mode="same")[: len(flux)]
    strength = flux - mean + _RISE_WEIGHT * rise_db
    is_peak = (flux == _sliding_max(flux, reach)) & (flux > mean) & (strength > _THRESHOLD)
    peaks = np.flatnonzero(is_peak)
    # Equal neighbours (a flat top) would count twice.
    return peaks[np.diff(peaks, prepend=-reach) > 1]


def _sliding_max(values: FloatArray, size: int) -> FloatArray:
    """Return the largest value of each centred window along the last axis; ``size`` is odd."""
    margin = [(0, 0)] * (values.ndim - 1) + [(size // 2, size // 2)]
    padded = np.pad(values, margin, constant_values=-np.inf)
    largest: FloatArray = np.lib.stride_tricks.sliding_window_view(padded, size, axis=-1).max(axis=-1)
    return largest
