"""Read the sound of any video file as hops of 48 kHz stereo, at the times that the file gives it.

Called by the video import. Thread: any; one iterator belongs to one thread.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from sr_runtime.data.store import Pcm
from sr_runtime.errors import DataError
from sr_runtime.types import CHANNELS, HOP_SAMPLES, SAMPLE_RATE
from sr_runtime.video.pyav import load_pyav, media_errors
from sr_runtime.video.read import VideoReader

GAP_S = 0.02
"""Times that jump by more than this mean lost sound, which silence replaces; less is rounding."""

Samples = npt.NDArray[np.float32]


def hop_sounds(path: Path) -> Iterator[Pcm]:
    """Yield the sound of each hop, int16 (1600, 2) at 48 kHz; an incomplete last hop is dropped.

    Raises:
        DataError: the file cannot be read, has no picture or no sound.
    """
    ready = np.zeros((0, CHANNELS), np.float32)
    for samples in _resampled(path):
        ready = np.concatenate([ready, samples])
        whole = len(ready) // HOP_SAMPLES
        for hop in ready[: whole * HOP_SAMPLES].reshape(whole, HOP_SAMPLES, CHANNELS):
            yield np.clip(np.rint(hop * 32767.0), -32768, 32767).astype(np.int16)
        ready = ready[whole * HOP_SAMPLES :]


def _resampled(path: Path) -> Iterator[Samples]:
    """Yield stereo sound at 48 kHz, beginning at the file's time 0."""
    with VideoReader(path) as reader, media_errors(path, "read"):
        if not reader.info.has_sound:
            raise DataError(
                f"{path} has no sound: a clip needs picture and sound. Look at it with: ffprobe '{path}'"
            )
        stream = reader.container.streams.audio[0]
        rate = int(stream.rate)
        resampler = soxr.ResampleStream(rate, SAMPLE_RATE, CHANNELS, dtype="float32", quality="HQ")
        for samples in _placed(reader.container.decode(stream), rate, reader.origin_s):
            yield resampler.resample_chunk(samples)
        yield resampler.resample_chunk(np.zeros((0, CHANNELS), np.float32), last=True)


def _placed(frames: Any, rate: int, origin_s: float) -> Iterator[Samples]:
    """Yield decoded sound with silence where some is missing, and without what overlaps."""
    convert = load_pyav().AudioResampler(format="flt", layout="stereo", rate=rate)
    written = 0
    for frame in frames:
        samples = _stereo(frame, convert)
        late_s = (frame.time - origin_s) - written / rate if frame.time is not None else 0.0
        if late_s > GAP_S:
            silence = np.zeros((round(late_s * rate), CHANNELS), np.float32)
            samples = np.concatenate([silence, samples])
        elif late_s < -GAP_S:
            samples = samples[round(-late_s * rate) :]
        written += len(samples)
        yield samples


def _stereo(frame: Any, convert: Any) -> Samples:
    """Return a decoded audio frame as float32 (n, 2); FFmpeg mixes mono and surround down."""
    parts = [part.to_ndarray().reshape(-1, CHANNELS) for part in convert.resample(frame)]
    return np.concatenate([np.zeros((0, CHANNELS), np.float32), *parts])
