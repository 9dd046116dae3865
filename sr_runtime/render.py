"""Give a video file a generated sound: the same session as live, fed from the file's own clock.

Called by ``sr-runtime render`` and from Python. Nothing waits: it runs as fast as the model. Thread: any.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import soundfile

from sr_runtime.errors import ConfigError, DataError
from sr_runtime.figures import HopLog, JsonMap, Timings
from sr_runtime.types import CHANNELS, HOP_HZ, SAMPLE_RATE, Audio, Frame
from sr_runtime.video.hops import per_hop
from sr_runtime.video.read import Picture, VideoReader
from sr_runtime.video.write import MovieWriter

SOUND_SUFFIXES = (".wav", ".flac")

Progress = Callable[[float, float | None], None]
"""Called after each hop with the seconds done and the seconds there are, as far as the file says."""


class Stepper(Protocol):
    """What rendering needs of a session."""

    @property
    def timings(self) -> Timings:
        """Times of the last hop."""

    def step(self, frame: Frame | None) -> Audio:
        """Return the hop's sound, float32 (1600, 2)."""


@dataclass(frozen=True)
class RenderResult:
    """What was written and how fast.

    Attributes:
        output: The file.
        hops: Hops of 1600 samples.
        seconds: Wall time of the whole rendering.
        picture: ``"copied"``, ``"encoded"`` or ``"none"`` (a sound file).
        figures: Hop times in the project's usual keys.
    """

    output: Path
    hops: int
    seconds: float
    picture: str
    figures: JsonMap

    @property
    def times_real_time(self) -> float:
        """Return how many seconds of video one second of work sounded."""
        return self.hops / HOP_HZ / self.seconds


def render_video(
    video: Path,
    output: Path,
    session: Stepper,
    *,
    keep_original_sound: bool = False,
    progress: Progress = lambda done_s, total_s: None,
) -> RenderResult:
    """Write ``output``: the video's picture with generated sound, or the sound alone.

    Args:
        video: Any video that PyAV reads: every codec, size and frame rate, with or without sound.
        output: ``.wav`` or ``.flac`` for the sound alone, otherwise a movie; the picture is copied bit for
            bit where the container takes it, else encoded as H.264.
        session: A fresh session of an engine.
        keep_original_sound: Keep the file's own sound as a second track (movies only).
        progress: Called after each hop.

    Returns:
        What was written and how fast.

    Raises:
        DataError: The video is missing, damaged, truncated or no video; nothing is left at ``output``.
        ConfigError: ``output`` is the video itself.
    """
    if video.exists() and output.exists() and video.samefile(output):
        raise ConfigError(f"-o {output}: is the video itself; choose another file")
    started = time.perf_counter()
    with VideoReader(video) as reader:
        render = _to_sound if output.suffix.lower() in SOUND_SUFFIXES else _to_movie
        log, picture = render(reader, output, session, keep_original_sound, progress)
    return RenderResult(output, len(log), time.perf_counter() - started, picture, log.figures())


def _to_sound(
    reader: VideoReader, output: Path, session: Stepper, keep: bool, progress: Progress
) -> tuple[HopLog, str]:
    if keep:
        raise ConfigError(f"--keep-original-sound needs a movie; {output} holds one sound track only")
    with _sound_file(output) as sound:
        log = _play(reader, session, reader.pictures(), sound.write, progress)
    return log, "none"


def _to_movie(
    reader: VideoReader, output: Path, session: Stepper, keep: bool, progress: Progress
) -> tuple[HopLog, str]:
    with MovieWriter(output) as movie:
        if keep and reader.container.streams.audio:
            movie.copy_track(reader.container.streams.audio[0])
        copies = movie.can_copy(reader.stream)
        if copies:
            movie.copy_track(reader.stream)

        def copy(packet: Any) -> None:
            movie.add_packet(packet, reader.origin_s)

        shown = reader.pictures(on_packet=copy)
        pictures = shown if copies else _encoded(shown, movie)
        log = _play(reader, session, pictures, movie.add_sound, progress)
    return log, "copied" if copies else "encoded"


def _play(
    reader: VideoReader,
    session: Stepper,
    pictures: Iterator[Picture],
    write: Callable[[Audio], Any],
    progress: Progress,
) -> HopLog:
    """Step the session once for each hop of the video and hand its sound to ``write``."""
    log = HopLog()
    total_s = reader.info.duration_s
    for picture in per_hop(pictures):
        write(session.step(picture.rgb() if picture is not None else None))
        log.add(session.timings)
        progress(len(log) / HOP_HZ, total_s)
    return log


def _encoded(pictures: Iterator[Picture], movie: MovieWriter) -> Iterator[Picture]:
    """Pass the pictures on and encode each into the movie at its true time."""
    for picture in pictures:
        movie.add_picture(picture.rgb(), max(0.0, picture.time_s))
        yield picture


@contextmanager
def _sound_file(output: Path) -> Iterator[soundfile.SoundFile]:
    """Open a sound file that gets its name only when it is complete."""
    part = output.with_name(f".{output.stem}.part-{os.getpid()}{output.suffix}")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with soundfile.SoundFile(part, "w", SAMPLE_RATE, CHANNELS, subtype="PCM_16") as sound:
            yield sound
        part.replace(output)
    except (OSError, soundfile.LibsndfileError) as error:
        raise DataError(f"cannot write {output}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
