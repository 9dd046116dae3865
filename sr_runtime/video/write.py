"""Write a movie: pictures (encoded, or copied from another file) with sound, whole or not at all.

The file grows under a temporary name and is renamed when complete, so that nobody ever finds half a movie.
Called by ``render``, ``demo`` and examples. Thread: any; one writer belongs to one thread.
"""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from sr_runtime.errors import DataError
from sr_runtime.picture import stretch
from sr_runtime.types import HOP_HZ, SAMPLE_RATE, Audio, Frame
from sr_runtime.video.copied_track import CopiedTrack
from sr_runtime.video.pyav import load_pyav, media_errors

# First choice first; libx264 is in every PyAV wheel, mpeg4 in every FFmpeg.
_PICTURE_ENCODERS = ("libx264", "libopenh264", "mpeg4")
_WEB_PICTURE_ENCODERS = ("libvpx-vp9", "libvpx")
_SOUND_ENCODERS = ("aac", "libopus", "libmp3lame", "pcm_s16le")
_SOUND_BITS_PER_S = 192_000


class MovieWriter:
    """A movie file with one picture track and one 48 kHz stereo sound track.

    Args:
        path: Where the movie goes; its suffix chooses the container (.mp4, .mkv, .mov, .webm …).

    Raises:
        DataError: The suffix is no container, or the file cannot be written.

    Example:
        >>> with MovieWriter(Path("demo.mp4")) as movie:  # doctest: +SKIP
        ...     for hop, (frame, audio) in enumerate(take):
        ...         movie.add_picture(frame, (hop + 1) / 30)
        ...         movie.add_sound(audio)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f".{path.stem}.part-{os.getpid()}{path.suffix}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DataError(f"cannot make the folder {path.parent}: {error.strerror}") from error
        with media_errors(path, "write"):
            try:
                self._container = load_pyav().open(str(self._part), "w")
            except ValueError as error:
                raise DataError(
                    f"{path}: '{path.suffix}' is no movie format that FFmpeg knows; use .mp4, .mkv or .webm"
                ) from error
        self._picture: Any = None
        self._copied: dict[int, CopiedTrack] = {}
        self._sound = self._add_sound_stream()
        self._samples = 0

    def __enter__(self) -> MovieWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc: object) -> None:
        if kind is not None:
            self.discard()
            return
        try:
            self.close()
        except BaseException:
            self.discard()
            raise

    def can_copy(self, stream: Any) -> bool:
        """Tell whether the container takes this stream's codec as it is."""
        return stream.codec_context.codec.canonical_name in self._container.supported_codecs

    def copy_track(self, stream: Any) -> None:
        """Take a track of another file bit for bit; its packets come by :meth:`add_packet`.

        A second sound track is there for a listener to choose; it is not the one that plays by default.
        """
        with media_errors(self.path, "write"):
            self._copied[stream.index] = CopiedTrack(self._container.add_stream_from_template(stream))

    def add_packet(self, packet: Any, shift_s: float = 0.0) -> None:
        """Copy one packet of a track named before; others are ignored.

        Args:
            packet: PyAV's packet; it is changed.
            shift_s: Seconds to subtract from its times.
        """
        track = self._copied.get(packet.stream.index)
        if track is None:
            return
        with media_errors(self.path, "write"):
            for ready in track.add(packet, shift_s):
                self._container.mux(ready)

    def add_picture(self, frame: Frame, time_s: float) -> None:
        """Encode one picture; the first one must come before any sound, since it opens the track.

        Args:
            frame: uint8 (height, width, 3); the first one sets the movie's size (cut to even numbers).
            time_s: When it is shown; must grow.
        """
        if self._picture is None:
            self._picture = self._add_picture_stream(frame.shape[1] // 2 * 2, frame.shape[0] // 2 * 2)
        context = self._picture.codec_context
        if (frame.shape[1] // 2 * 2, frame.shape[0] // 2 * 2) != (context.width, context.height):
            frame = stretch(frame, context.width, context.height)  # the source changed its size midway
        pixels = np.ascontiguousarray(frame[: context.height, : context.width])
        native = load_pyav().VideoFrame.from_ndarray(pixels, format="rgb24")
        native.pts = round(time_s * HOP_HZ * 1000)
        native.time_base = Fraction(1, HOP_HZ * 1000)
        with media_errors(self.path, "write"):
            self._container.mux(self._picture.encode(native))

    def add_sound(self, audio: Audio) -> None:
        """Append float32 (samples, 2), 48 kHz; values beyond ±1 are cut."""
        planes = np.ascontiguousarray(np.clip(audio, -1.0, 1.0).T, dtype=np.float32)
        native = load_pyav().AudioFrame.from_ndarray(planes, format="fltp", layout="stereo")
        native.sample_rate = SAMPLE_RATE
        native.time_base = Fraction(1, SAMPLE_RATE)
        native.pts = self._samples
        self._samples += audio.shape[0]
        with media_errors(self.path, "write"):
            self._container.mux(self._sound.encode(native))

    def close(self) -> None:
        """Finish the movie and give it its name."""
        with media_errors(self.path, "write"):
            if self._picture is not None:
                self._container.mux(self._picture.encode(None))
            self._container.mux(self._sound.encode(None))
            for track in self._copied.values():
                self._container.mux(track.rest())
            self._container.close()
        self._part.replace(self.path)

    def discard(self) -> None:
        """Remove what was written so far; an older file of the same name stays as it was."""
        try:
            self._container.close()
        except load_pyav().error.FFmpegError:
            pass  # an unfinished container complains about its missing trailer: it is thrown away
        finally:
            self._part.unlink(missing_ok=True)

    def _add_sound_stream(self) -> Any:
        encoder = self._first_supported(_SOUND_ENCODERS, "sound")
        with media_errors(self.path, "write"):
            stream = self._container.add_stream(encoder, rate=SAMPLE_RATE, layout="stereo")
        stream.bit_rate = _SOUND_BITS_PER_S
        return stream

    def _add_picture_stream(self, width: int, height: int) -> Any:
        encoder = self._first_supported((*_PICTURE_ENCODERS, *_WEB_PICTURE_ENCODERS), "picture")
        options = {"crf": "20", "preset": "veryfast"} if encoder == "libx264" else {}
        with media_errors(self.path, "write"):
            stream = self._container.add_stream(encoder, rate=HOP_HZ, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, HOP_HZ * 1000)
        return stream

    def _first_supported(self, encoders: tuple[str, ...], what: str) -> str:
        av = load_pyav()
        for name in encoders:
            if name not in av.codecs_available:
                continue
            if av.Codec(name, "w").canonical_name in self._container.supported_codecs:
                return name
        raise DataError(
            f"{self.path}: '{self.path.suffix}' takes no {what} that FFmpeg can write here; use .mp4"
        )
