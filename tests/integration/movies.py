"""Make real video files of every kind for the tests, by PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np


def flash_at(time_s: float) -> bool:
    """Tell whether the test picture is bright: one tenth of every second, from 0.5 s on."""
    return time_s % 1.0 >= 0.5 and time_s % 1.0 < 0.6


def picture_at(time_s: float, width: int, height: int) -> np.ndarray:
    """Return a dark picture with a moving bar, bright at the flashes."""
    picture = np.full((height, width, 3), 200 if flash_at(time_s) else 20, np.uint8)
    picture[:, int(time_s * 37) % max(1, width - 8) :][:, :8] = (90, 120, 60)
    return picture


def make_movie(
    path: Path,
    *,
    codec: str = "libx264",
    fps: Fraction | int = 30,
    size: tuple[int, int] = (160, 120),
    seconds: float = 2.0,
    sound: bool = False,
    start_s: float = 0.0,
    options: dict[str, str] | None = None,
) -> Path:
    """Write a movie whose pictures are :func:`picture_at`, with a 440 Hz tone if ``sound``."""
    rate = Fraction(fps)
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        tone = (
            container.add_stream("libopus" if path.suffix == ".webm" else "aac", rate=48000)
            if sound
            else None
        )
        for index in range(round(seconds * rate)):
            time_s = float(index / rate)
            frame = av.VideoFrame.from_ndarray(picture_at(time_s, *size), format="rgb24")
            frame.pts = index + round(start_s * rate)
            frame.time_base = 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            _add_tone(container, tone, seconds)
    return path


def _add_tone(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    count = round(seconds * 48000)
    wave = 0.1 * np.sin(2 * np.pi * 440 * np.arange(count) / 48000, dtype=np.float64).astype(np.float32)
    for first in range(0, count, 960):
        chunk = np.ascontiguousarray(np.stack([wave[first : first + 960]] * 2))
        frame = av.AudioFrame.from_ndarray(chunk, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, first, Fraction(1, 48000)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
