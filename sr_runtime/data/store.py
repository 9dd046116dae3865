"""The clip store: a folder of clips, each a folder with pictures, sound, events and one JSON.

Written by the recorders, read by training and evaluation. Needs no video library::

    STORE/clips/<clip_id>/clip.json       ClipMeta: split, source, sizes, where each JPEG starts
                          frames.mjpeg    JPEG pictures one after the other; picture k is at (k+1)/30 s
                          audio.wav       int16 stereo 48 kHz, hops × 1600 samples
                          events.json     what happened, in seconds of the clip
                          stem_<class>.wav  optional: the sounds of one class alone

A clip appears under its name only when it is complete (written aside, then renamed).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
import simplejpeg
import soundfile

from sr_runtime.data.splits import SPLITS, Split
from sr_runtime.errors import DataError
from sr_runtime.types import CHANNELS, HOP_HZ, HOP_SAMPLES, SAMPLE_RATE, Frame

JPEG_QUALITY = 90
CLIPS_FOLDER = "clips"
_UNFINISHED = ".unfinished-"

Pcm = npt.NDArray[np.int16]
"""Sound as stored: int16 (samples, 2), 48 kHz."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something that happened in a clip.

    Attributes:
        time_s: seconds from the clip's start; the state change is visible in hop ``int(time_s * 30)``.
        kind: ``cut``, ``shot``, ``kill``, ``pickup``, ``door``, ``hurt``, ``weapon``, ``actor``, ``use`` …
        name: what it concerns, such as an actor's class name.
        value: an amount, such as points of health lost.
    """

    time_s: float
    kind: str
    name: str = ""
    value: float = 0.0


class ClipMeta(msgspec.Struct, frozen=True, kw_only=True):
    """What ``clip.json`` says. ``offsets`` has hops + 1 byte positions in ``frames.mjpeg``."""

    clip_id: str
    split: Split
    source: str
    """``vizdoom``, ``openarena`` or ``video``."""
    kind: str
    """How it was played (``dense``, ``scenario``, ``sparse``, ``quiet``), or ``video``."""
    width: int
    height: int
    wad: str = ""
    map: str = ""
    seed: int = 0
    origin: str = ""
    """For imported videos: the file's name; for OpenArena the demo's."""
    frame_alignment: str = "end_of_hop"
    sample_rate: int = SAMPLE_RATE
    hops: int = 0
    offsets: list[int] = []
    click_onsets_s: list[float] | None = None
    stems: list[str] = []
    format: int = 1


@dataclass(frozen=True)
class Clip:
    """One finished clip on disk. Reading is lazy; nothing is kept open."""

    path: Path
    meta: ClipMeta

    @property
    def clip_id(self) -> str:
        """Return the clip's name, unique in its store."""
        return self.meta.clip_id

    @property
    def split(self) -> Split:
        """Return ``train`` or ``validation``."""
        return self.meta.split

    @property
    def hops(self) -> int:
        """Return the number of pictures and of 1600-sample hops."""
        return self.meta.hops

    def frame(self, index: int) -> Frame:
        """Return picture ``index`` as uint8 (height, width, 3)."""
        start, end = self.meta.offsets[index], self.meta.offsets[index + 1]
        with (self.path / "frames.mjpeg").open("rb") as file:
            file.seek(start)
            return _decode(file.read(end - start))

    def frames(self) -> Frame:
        """Return all pictures as uint8 (hops, height, width, 3)."""
        data = (self.path / "frames.mjpeg").read_bytes()
        frames = np.empty((self.hops, self.meta.height, self.meta.width, 3), np.uint8)
        for k, (start, end) in enumerate(zip(self.meta.offsets, self.meta.offsets[1:], strict=False)):
            frames[k] = _decode(data[start:end])
        return frames

    def audio(self) -> Pcm:
        """Return the sound as int16 (hops × 1600, 2) at 48 kHz."""
        return _read_pcm(self.path / "audio.wav")

    def stem(self, name: str) -> Pcm:
        """Return the sounds of one class alone, int16 (hops × 1600, 2).

        Raises:
            DataError: the clip was recorded without ``--ground-truth stems``.
        """
        if name not in self.meta.stems:
            have = ", ".join(self.meta.stems) or "none"
            raise DataError(
                f"{self.clip_id} has no stem {name!r} (it has: {have}); record it with --ground-truth stems."
            )
        return _read_pcm(self.path / f"stem_{name}.wav")

    @cached_property
    def events(self) -> list[Event]:
        """Return the event log, in order of time."""
        path = self.path / "events.json"
        return msgspec.json.decode(path.read_bytes(), type=list[Event]) if path.exists() else []

    @property
    def click_onsets_s(self) -> npt.NDArray[np.float64] | None:
        """Return the exact start of every sound in seconds, or None without click ground truth."""
        onsets = self.meta.click_onsets_s
        return None if onsets is None else np.asarray(onsets, np.float64)

    @property
    def cuts(self) -> list[int]:
        """Return the hops whose picture does not continue the one before (warps, restarts, scene cuts)."""
        return sorted({int(e.time_s * HOP_HZ + 1e-6) for e in self.events if e.kind == "cut"})


class ClipWriter:
    """Writes one clip aside and puts it in place when all of it is there.

    Example:
        >>> with store.writer(meta) as writer:          # doctest: +SKIP
        ...     for frame in frames: writer.add_frame(frame)
        ...     writer.finish(pcm, events)
    """

    def __init__(self, folder: Path, meta: ClipMeta) -> None:
        self._target = folder / meta.clip_id
        self._folder = folder / f"{_UNFINISHED}{meta.clip_id}-{os.getpid()}"
        self._meta = meta
        self._offsets = [0]

    def __enter__(self) -> Self:
        """Create the folder aside."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._frames = (self._folder / "frames.mjpeg").open("wb")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what is left, which is everything unless :meth:`finish` was reached."""
        self._frames.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def add_frame(self, frame: Frame) -> None:
        """Append a picture, uint8 (height, width, 3) of the size that the clip's meta names."""
        expected = (self._meta.height, self._meta.width, 3)
        if frame.shape != expected or frame.dtype != np.uint8:
            raise DataError(f"expected a uint8 picture of shape {expected}, got {frame.dtype} {frame.shape}.")
        jpeg = simplejpeg.encode_jpeg(
            np.ascontiguousarray(frame), quality=JPEG_QUALITY, colorsubsampling="420", fastdct=True
        )
        self._frames.write(jpeg)
        self._offsets.append(self._offsets[-1] + len(jpeg))

    def add_stem(self, name: str, pcm: Pcm) -> None:
        """Write the sounds of class ``name``, int16 (hops × 1600, 2)."""
        _write_pcm(self._folder / f"stem_{name}.wav", pcm)
        self._meta = msgspec.structs.replace(self._meta, stems=[*self._meta.stems, name])

    def finish(
        self, pcm: Pcm, events: list[Event], click_onsets_s: npt.NDArray[np.float64] | None = None
    ) -> Clip:
        """Write sound, events and JSON, and put the clip in place.

        Args:
            pcm: int16 (hops × 1600, 2), 48 kHz.
            events: the event log.
            click_onsets_s: exact onsets in seconds, if known.

        Raises:
            DataError: sound and pictures are not equally long.
        """
        hops = len(self._offsets) - 1
        if pcm.shape != (hops * HOP_SAMPLES, CHANNELS) or pcm.dtype != np.int16:
            raise DataError(
                f"{self._meta.clip_id}: {hops} pictures need int16 sound of shape "
                f"({hops * HOP_SAMPLES}, {CHANNELS}), got {pcm.dtype} {pcm.shape}."
            )
        self._frames.close()
        _write_pcm(self._folder / "audio.wav", pcm)
        (self._folder / "events.json").write_bytes(msgspec.json.encode(events))
        onsets = None if click_onsets_s is None else [round(float(t), 6) for t in click_onsets_s]
        meta = msgspec.structs.replace(self._meta, hops=hops, offsets=self._offsets, click_onsets_s=onsets)
        (self._folder / "clip.json").write_bytes(msgspec.json.encode(meta))
        shutil.rmtree(self._target, ignore_errors=True)
        self._folder.rename(self._target)
        return Clip(self._target, meta)


class ClipStore:
    """A folder of clips.

    Args:
        root: the store's folder; made when the first clip is written.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    @property
    def folder(self) -> Path:
        """Return the folder that holds one folder per clip."""
        return self.root / CLIPS_FOLDER

    def __contains__(self, clip_id: str) -> bool:
        return (self.folder / clip_id / "clip.json").exists()

    def clip(self, clip_id: str) -> Clip:
        """Return one clip by name.

        Raises:
            DataError: there is no such clip, or its JSON cannot be read.
        """
        path = self.folder / clip_id
        try:
            return Clip(path, msgspec.json.decode((path / "clip.json").read_bytes(), type=ClipMeta))
        except FileNotFoundError as error:
            raise DataError(f"no clip {clip_id!r} in {self.root}.") from error
        except msgspec.MsgspecError as error:
            raise DataError(f"{path}/clip.json cannot be read ({error}): delete its folder.") from error

    def clip_ids(self) -> list[str]:
        """Return the names of all finished clips, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(p.parent.name for p in self.folder.glob("[!.]*/clip.json"))

    def __iter__(self) -> Iterator[Clip]:
        return (self.clip(clip_id) for clip_id in self.clip_ids())

    def clips(self, split: str | None = None) -> list[Clip]:
        """Return the finished clips (of one split), sorted by name.

        Raises:
            DataError: ``split`` is not a split's name.
        """
        if split is not None and split not in SPLITS:
            raise DataError(f"no split {split!r}: expected one of {', '.join(SPLITS)}.")
        return [clip for clip in self if split in (None, clip.split)]

    def writer(self, meta: ClipMeta) -> ClipWriter:
        """Return a context manager that writes one clip, replacing one of the same name."""
        return ClipWriter(self.folder, meta)


def _decode(jpeg: bytes) -> Frame:
    frame: Frame = simplejpeg.decode_jpeg(jpeg, colorspace="RGB")
    return frame


def _read_pcm(path: Path) -> Pcm:
    pcm: Any
    pcm, rate = soundfile.read(path, dtype="int16", always_2d=True)
    if rate != SAMPLE_RATE or pcm.shape[1] != CHANNELS:
        raise DataError(f"{path}: expected 48000 Hz stereo, got {rate} Hz with {pcm.shape[1]} channels.")
    return np.asarray(pcm, np.int16)


def _write_pcm(path: Path, pcm: Pcm) -> None:
    soundfile.write(path, pcm, SAMPLE_RATE, subtype="PCM_16")
