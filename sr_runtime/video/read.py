"""Read the pictures of any video file with their true times.

Called by ``render`` and by examples. Thread: any; one reader belongs to one thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sr_runtime.errors import DataError
from sr_runtime.types import Frame
from sr_runtime.video.pyav import load_pyav, media_errors

_log = logging.getLogger(__name__)

# A clock that starts further from 0 than this is an arbitrary one (MPEG-TS: 1.4 s; a cut broadcast: hours).
# Below it, times are taken as they are: our own movies show the first picture at 1/30 s on purpose.
_ARBITRARY_START_S = 0.5

# A container may announce slightly more than its packets hold (an edit list, a rounded tag).
_MISSING_END_S = 0.75


@dataclass(frozen=True)
class VideoInfo:
    """What a video file says about itself before its pictures are read."""

    width: int
    height: int
    codec: str
    fps: float | None
    duration_s: float | None
    has_sound: bool


@dataclass(frozen=True)
class Picture:
    """One decoded picture and when it is shown.

    Attributes:
        time_s: Seconds since the file's time zero.
        end_s: When the next picture is due, as far as the file says.
        native: PyAV's frame, not yet converted to RGB: most pictures of a 60 fps video are never used.
    """

    time_s: float
    end_s: float
    native: Any

    def rgb(self) -> Frame:
        """Return uint8 (height, width, 3), sRGB, upright."""
        frame = self.native
        unspecified = int(frame.colorspace) in (0, 2)
        # An untagged picture is BT.709 from 720 lines up, BT.601 below: what players assume, too.
        matrix = {"src_colorspace": "ITU709" if frame.height >= 720 else "ITU601"} if unspecified else {}
        pixels = frame.reformat(format="rgb24", **matrix).to_ndarray()
        turns = round(getattr(frame, "rotation", 0) / 90) % 4
        return np.ascontiguousarray(np.rot90(pixels, turns) if turns else pixels)


class VideoReader:
    """A video file, read from its start to its end once.

    Args:
        path: Any file that FFmpeg reads and that has a picture stream.

    Raises:
        DataError: The file is missing, is no video, or is damaged; the message says which.

    Example:
        >>> with VideoReader(Path("clip.mp4")) as reader:  # doctest: +SKIP
        ...     for picture in reader.pictures():
        ...         print(picture.time_s, picture.rgb().shape)
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise DataError(f"no such file: {path}")
        self._path = path
        with media_errors(path, "read"):
            self.container = load_pyav().open(str(path))
        moving = [stream for stream in self.container.streams.video if not _is_cover(stream)]
        if not moving:
            self.container.close()
            raise DataError(f"{path} has no picture: it is a sound file or an empty container")
        self.stream = moving[0]
        self.stream.thread_type = "AUTO"
        self.origin_s = self._find_origin_s()
        self._read_until_s = 0.0

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, *exc: object) -> None:
        self.container.close()

    @property
    def info(self) -> VideoInfo:
        """Return the file's own description."""
        duration = self.container.duration
        rate = self.stream.average_rate or self.stream.guessed_rate
        return VideoInfo(
            width=self.stream.codec_context.width,
            height=self.stream.codec_context.height,
            codec=self.stream.codec_context.name,
            fps=float(rate) if rate else None,
            duration_s=duration / 1e6 if duration else None,
            has_sound=bool(self.container.streams.audio),
        )

    def pictures(self, on_packet: Callable[[Any], None] | None = None) -> Iterator[Picture]:
        """Yield the pictures in the order in which they are shown.

        Args:
            on_packet: Sees every packet after its pictures were yielded (to copy it into another file).

        Raises:
            DataError: The file cannot be decoded, holds no picture, or ends before the end it announces.
        """
        last: Picture | None = None
        with media_errors(self._path, "read"):
            for packet in self.container.demux():
                self._note_end(packet)
                for picture in self._decode(packet, last):
                    last = picture
                    yield picture
                if on_packet is not None and packet.size:
                    on_packet(packet)
        if last is None:
            raise DataError(f"{self._path} holds no picture that can be decoded; it is damaged or empty")
        self._check_end()

    def _decode(self, packet: Any, last: Picture | None) -> Iterator[Picture]:
        if packet.stream.index != self.stream.index:
            return
        try:
            frames = packet.decode()
        except load_pyav().error.InvalidDataError:
            if last is not None:
                raise
            _log.debug("%s: skipping a packet before the first whole picture", self._path)
            return
        for native in frames:
            last = self._picture(native, last)
            yield last

    def _picture(self, native: Any, last: Picture | None) -> Picture:
        rate = self.stream.average_rate or self.stream.guessed_rate
        usual_s = float(1 / rate) if rate else 1 / 30
        expected_s = last.end_s if last is not None else 0.0
        time_s = native.time - self.origin_s if native.time is not None else expected_s
        duration = getattr(native, "duration", 0) or 0
        length_s = float(duration * native.time_base) if duration and native.time_base else usual_s
        return Picture(time_s=time_s, end_s=time_s + length_s, native=native)

    def _find_origin_s(self) -> float:
        start = self.container.start_time
        start_s = start / 1e6 if start is not None else 0.0
        return start_s if abs(start_s) > _ARBITRARY_START_S else 0.0

    def _note_end(self, packet: Any) -> None:
        if packet.pts is None or packet.time_base is None:
            return
        end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
        self._read_until_s = max(self._read_until_s, end_s - self.origin_s)

    def _check_end(self) -> None:
        """Refuse a file that stops before the end that its header announces."""
        announced = self.container.duration
        if announced and announced / 1e6 - self._read_until_s > _MISSING_END_S:
            raise DataError(
                f"{self._path} is truncated: it announces {announced / 1e6:.1f} s and ends after "
                f"{self._read_until_s:.1f} s; copy or download it again"
            )


def _is_cover(stream: Any) -> bool:
    """Tell whether this is the one picture of a music file's cover."""
    return bool(stream.disposition & load_pyav().stream.Disposition.attached_pic)
