"""Read back what the ``probe`` bundle says: the number of each hop, and its clicks.

The probe bundle is a model made by hand (``sr_runtime/export/probe.py``). Each hop carries its number as five
simultaneous tones, one per octal digit; a step of the picture's brightness adds one click. Tests and users
record the sound at any point of the chain and ask here what arrived, where and in which order.

    sample    0    60      200                          1480     1600
              ├─────┴───────┼──────────── tones ──────────┼────────┤
              │   click     │ 5 of 40 frequencies, < 9 kHz │ silence│

Recordings may be louder or softer, resampled by up to 1 %, or have gaps. Thread: any.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d
from scipy.signal import butter, sosfiltfilt

from sr_runtime.types import HOP_SAMPLES, SAMPLE_RATE

Samples = npt.NDArray[np.float32]
Signal = npt.NDArray[np.float64]

DIGITS: Final = 5
BASE: Final = 8
HOP_NUMBERS: Final = BASE**DIGITS
"""Hop numbers are told modulo 32768: 18 minutes."""

FIRST_HZ: Final = 900.0
DIGIT_HZ: Final = 180.0
"""Distance of neighbouring tones; a 27 ms burst resolves 75 Hz, a 1 % resampling moves 8.6 kHz by 86 Hz."""
BANK_HZ: Final = 1600.0

TONE_START: Final = 200
TONE_END: Final = 1480
TONE_RAMP: Final = 40
TONE_LEVEL: Final = 0.05

CLICK_SAMPLE: Final = 60
"""Where in its hop the click's peak is."""
CLICK_LEVEL: Final = 0.6
CLICK_BAND_HZ: Final = 10_500.0
"""The click has a 12 kHz part; nothing else of the probe's sound is above 9 kHz."""

BRIGHTNESS_STEP: Final = 0.25
"""A change of the picture's mean brightness (0–1) from one frame to the next that counts as a step."""
REFRACTORY_HOPS: Final = 3
"""Further steps within 100 ms belong to the same click: so a flash of one frame clicks once."""


def tone_frequencies() -> Signal:
    """Return the frequencies in Hz, float64 (5, 8): row = digit (lowest first), column = its value."""
    return FIRST_HZ + BANK_HZ * np.arange(DIGITS)[:, None] + DIGIT_HZ * np.arange(BASE)[None, :]


def tone_envelope() -> Signal:
    """Return the gain of the tones over a hop, float64 (1600,), with raised-cosine edges."""
    distance = np.minimum(np.arange(HOP_SAMPLES) - TONE_START, TONE_END - np.arange(HOP_SAMPLES))
    return 0.5 - 0.5 * np.cos(np.pi * np.clip(distance / TONE_RAMP, 0.0, 1.0))


def click_wave() -> Signal:
    """Return the click in its hop, float64 (1600,): a Gaussian of 1.5 ms around 3 and 12 kHz."""
    t = np.arange(HOP_SAMPLES) - CLICK_SAMPLE
    carrier = 0.4 * np.cos(2 * np.pi * 3000 / SAMPLE_RATE * t) + 0.6 * np.cos(
        2 * np.pi * 12000 / SAMPLE_RATE * t
    )
    bell = np.where(np.abs(t) <= CLICK_SAMPLE, np.exp(-0.5 * (t / 10.0) ** 2), 0.0)
    return np.asarray(CLICK_LEVEL * bell * carrier)


def read_hops(audio: Samples, sample_rate: int = SAMPLE_RATE) -> list[tuple[int, int]]:
    """Find every whole hop in a recording.

    Args:
        audio: float (samples,) or (samples, channels).
        sample_rate: Of the recording.

    Returns:
        (sample at which the hop starts, hop number modulo 32768), in order. The sample is right to ±3
        samples and may be negative if the recording starts within the hop's first silence. A hop with a
        gap or a fade in it is left out.

    Thread: any.
    """
    mono, scale = _mono(audio), sample_rate / SAMPLE_RATE
    bursts = _bursts(mono, scale)
    rate = sample_rate * _stretch(bursts, scale)
    detector = _detector(rate, int(1.1 * (TONE_END - TONE_START) * scale))
    found = []
    for start, end in bursts:
        number = _read_number(mono[start:end], detector)
        if number is not None:
            found.append((_locate(mono, (start + end) // 2, number, rate), number))
    return found


def find_clicks(audio: Samples, sample_rate: int = SAMPLE_RATE) -> list[int]:
    """Find the clicks in a recording.

    Args:
        audio: float (samples,) or (samples, channels); the level does not matter if hops are in it too.
        sample_rate: Of the recording.

    Returns:
        The sample of each click's peak; it is :data:`CLICK_SAMPLE` after the start of its hop.

    Thread: any.
    """
    mono, scale = _mono(audio), sample_rate / SAMPLE_RATE
    if len(mono) < 64:
        return []
    band = butter(6, CLICK_BAND_HZ, "highpass", fs=sample_rate, output="sos")
    envelope = _rms(sosfiltfilt(band, mono), 16 * scale)
    threshold = 0.4 * _click_height(mono, scale)
    above = np.flatnonzero(envelope > threshold)
    if len(above) == 0:
        return []
    groups = np.split(above, np.flatnonzero(np.diff(above) > 200 * scale) + 1)
    return [int(group[np.argmax(envelope[group])]) for group in groups]


def _mono(audio: Samples) -> Signal:
    signal = np.asarray(audio, dtype=np.float64)
    return signal if signal.ndim == 1 else signal.mean(axis=1)


def _odd(width: float) -> int:
    return int(width) // 2 * 2 + 1


def _rms(signal: Signal, width: float) -> Signal:
    """Return the running RMS; the filter's running sum may round to just below zero."""
    return np.asarray(np.sqrt(np.maximum(uniform_filter1d(signal**2, _odd(width), mode="constant"), 0.0)))


def _level(mono: Signal, scale: float) -> Signal:
    return _rms(mono, 32 * scale)


def _tone_level(mono: Signal, scale: float) -> float:
    """Return the typical RMS level inside the bursts; 0 for silence."""
    level = _level(mono, scale)
    loud = level[level > 0.2 * level.max()] if len(level) else level
    return float(np.median(loud)) if len(loud) else 0.0


def _click_height(mono: Signal, scale: float) -> float:
    """Return the expected peak of the high band's envelope for a click as loud as the recording's tones."""
    tones_rms = TONE_LEVEL * np.sqrt(DIGITS / 2)
    high_band_rms = 0.6 * CLICK_LEVEL / np.sqrt(2) * 0.9
    bursts = _bursts(mono, scale)
    levels = [np.sqrt(np.mean(mono[start:end] ** 2)) for start, end in bursts]
    gain = float(np.median(levels)) / tones_rms if levels else 1.0
    return float(high_band_rms * gain)


def _bursts(mono: Signal, scale: float) -> list[tuple[int, int]]:
    """Return (start, end) of every stretch of sound that is as long as a hop's tones."""
    typical = _tone_level(mono, scale)
    if typical < 1e-5:
        return []
    is_loud = np.concatenate([[False], _level(mono, scale) > 0.25 * typical, [False]])
    is_loud = _without_short_dips(is_loud, int(60 * scale))
    edges = np.flatnonzero(np.diff(is_loud.astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    wanted = (TONE_END - TONE_START) * scale
    return [(int(a), int(b)) for a, b in zip(starts, ends, strict=True) if 0.93 < (b - a) / wanted < 1.07]


def _without_short_dips(is_loud: npt.NDArray[np.bool_], longest: int) -> npt.NDArray[np.bool_]:
    """Fill pauses that beating tones make inside a burst; the pause between bursts is 5 times longer."""
    edges = np.flatnonzero(np.diff(is_loud.astype(np.int8))) + 1
    filled = is_loud.copy()
    for end, start in zip(edges[1::2], edges[2::2], strict=False):
        if start - end <= longest:
            filled[end:start] = True
    return filled


def _stretch(bursts: list[tuple[int, int]], scale: float) -> float:
    """Return how much longer than nominal a hop lasts: resampling to another clock moves the tones, too."""
    spacing = np.diff([(start + end) / 2 for start, end in bursts]) / (HOP_SAMPLES * scale)
    neighbours = spacing[np.abs(spacing - 1.0) < 0.03]
    return float(np.median(neighbours)) if len(neighbours) else 1.0


def _detector(rate: float, length: int) -> npt.NDArray[np.complex128]:
    """Return one conjugate tone per row, (40, length), for sound at ``rate`` samples per nominal second."""
    t = np.arange(length) / rate
    return np.asarray(np.exp(-2j * np.pi * tone_frequencies().reshape(-1, 1) * t))


def _read_number(burst: Signal, detector: npt.NDArray[np.complex128]) -> int | None:
    windowed = burst * np.hanning(len(burst))
    power = np.abs(detector[:, : len(burst)] @ windowed).reshape(DIGITS, BASE) ** 2
    best_two = np.sort(power, axis=1)[:, -2:]
    if (best_two[:, 1] < 4.0 * best_two[:, 0]).any() or best_two[:, 1].min() < 0.1 * best_two[:, 1].max():
        return None
    return int(power.argmax(axis=1) @ BASE ** np.arange(DIGITS))


def _locate(mono: Signal, middle: int, number: int, rate: float) -> int:
    """Return where the hop starts: the best match with the tones of ``number`` within ±2 ms."""
    scale = rate / SAMPLE_RATE
    template = _tones(number, rate)
    guess, reach = round(middle - (TONE_START + TONE_END) / 2 * scale), int(96 * scale)
    first = guess - reach
    last = first + len(template) + 2 * reach
    segment = mono[max(0, first) : max(0, last)]
    segment = np.pad(segment, (max(0, -first), max(0, last - len(mono))))
    return int(first + np.argmax(np.correlate(segment, template, mode="valid")))


def _tones(number: int, rate: float) -> Signal:
    t = np.arange(round(HOP_SAMPLES * rate / SAMPLE_RATE)) / rate
    digits = number // BASE ** np.arange(DIGITS) % BASE
    frequencies = tone_frequencies()[np.arange(DIGITS), digits]
    envelope = np.interp(t * SAMPLE_RATE, np.arange(HOP_SAMPLES), tone_envelope())
    return np.asarray(np.sin(2 * np.pi * frequencies[:, None] * t).sum(axis=0) * envelope)
