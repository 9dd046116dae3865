"""How the runtime is to be heard: device, latency, block size, file.

Read by the command line and the server, handed to :class:`~sr_runtime.audio.player.AudioPlayer`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from sr_runtime.errors import ConfigError
from sr_runtime.types import SAMPLE_RATE

LATENCY_PRESETS_MS: Final = {"low": 67.0, "balanced": 83.0, "safe": 133.0}
"""Mean sound held in the rings. Two hops (67 ms) is the least that rode out a busy host; one hop failed."""

LATENCY_RANGE_MS: Final = (20.0, 500.0)
BLOCKSIZE_RANGE: Final = (32, 4096)
FILE_SUFFIXES: Final = (".wav", ".flac")
LOW_MS: Final = 75.0
SAFE_MS: Final = 110.0
"""Below the first the device is opened as for ``low``, from the second on as for ``safe``."""

NO_DEVICE: Final = "none"
"""The device name that asks for no sound card: a paced silent sink."""


class AudioSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the sound output, checked when they are made.

    Args:
        device: name (or a part of it), index, ``"none"`` for no sound card, or None for the default device.
        latency: ``"low"``, ``"balanced"``, ``"safe"`` (67, 83, 133 ms) or milliseconds, 20–500.
        blocksize: frames per device callback at most, 32–4096. 480 (10 ms) gave the evenest callbacks.
        file: also write what is played to this ``.wav`` or ``.flac`` file.

    Raises:
        ConfigError: a value is out of range; the message names the key, the range and the value.

    Example:
        >>> AudioSettings(latency="low").latency_ms
        67.0
    """

    device: str | int | None = None
    latency: str | float = "balanced"
    blocksize: int = 480
    file: str | None = None

    def __post_init__(self) -> None:
        _check_latency(self.latency)
        _check_range("audio.blocksize", self.blocksize, *BLOCKSIZE_RANGE)
        if self.file is not None:
            check_file_suffix("audio.file", self.file)

    @property
    def latency_ms(self) -> float:
        """Mean sound held in the rings, in milliseconds."""
        return _latency_ms(self.latency)

    @property
    def target_frames(self) -> int:
        """Mean sound held in the rings, in samples per channel."""
        return round(self.latency_ms * SAMPLE_RATE / 1000)

    @property
    def device_latency_s(self) -> float:
        """Buffer to ask the device for, in seconds: 15, 20 or 80 ms with the preset's caution.

        What comes true is 5–20 ms more. Write of a hop → DAC, measured on PulseAudio: low 72 ms,
        balanced 100 ms, safe 230 ms.
        """
        if self.latency_ms < LOW_MS:
            return 0.015
        return 0.02 if self.latency_ms < SAFE_MS else 0.08

    @property
    def block_frames(self) -> int:
        """Frames per callback: ``blocksize``, but no more than 240 for a low latency, which saves 12 ms."""
        return min(self.blocksize, 240) if self.latency_ms < LOW_MS else self.blocksize


def _latency_ms(latency: str | float) -> float:
    """Turn a preset name, a number or a number as text into milliseconds."""
    if isinstance(latency, str) and latency in LATENCY_PRESETS_MS:
        return LATENCY_PRESETS_MS[latency]
    return float(latency)


def _check_latency(latency: str | float) -> None:
    """Refuse anything but a preset or 20–500."""
    try:
        value = _latency_ms(latency)
    except (TypeError, ValueError):
        names = ", ".join(LATENCY_PRESETS_MS)
        raise ConfigError(f"audio.latency: expected {names} or 20–500 (ms), got {latency!r}") from None
    _check_range("audio.latency_ms", value, *LATENCY_RANGE_MS)


def _check_range(key: str, value: float, low: float, high: float) -> None:
    """Refuse a value outside low–high (NaN too)."""
    if not low <= value <= high:
        raise ConfigError(f"{key}: expected {low:g}–{high:g}, got {value:g}")


def check_file_suffix(key: str, file: str | Path) -> str:
    """Return the lower-case suffix of a sound file, or say which are known."""
    suffix = Path(file).suffix.lower()
    if suffix not in FILE_SUFFIXES:
        raise ConfigError(f"{key}: expected a name ending in .wav or .flac, got {str(file)!r}")
    return suffix
