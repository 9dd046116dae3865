"""Import videos with sound into a clip store, so that people can train on their own footage.

Called by ``sr-runtime record video``. Anything that FFmpeg reads will do: any codec, frame rate, size.
Picture and sound keep the times that the file gives them: hop k gets the newest picture with a time of at
most (k+1)/30 s, and a sound that starts later than the picture is preceded by silence.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from sr_runtime.data.splits import Split
from sr_runtime.data.store import Clip, ClipMeta, ClipStore, Pcm
from sr_runtime.data.video_sound import hop_sounds
from sr_runtime.errors import DataError
from sr_runtime.picture import stretch
from sr_runtime.types import HOP_HZ, Frame
from sr_runtime.video.hops import per_hop
from sr_runtime.video.read import VideoReader

CLIP_HOPS = 30 * HOP_HZ
"""Long videos become clips of 30 s."""
SHORTEST_HOPS = 2 * HOP_HZ
"""A remainder shorter than this is dropped, unless it is all there is."""
PICTURE_SIZE = 224


def import_video(
    path: Path, store: ClipStore, split: Split = "train", progress: Callable[[float], None] | None = None
) -> list[Clip]:
    """Import one video and return its clips.

    Args:
        path: the video.
        store: where the clips go; clips of the same file are replaced.
        split: what they may be used for.
        progress: called with the seconds imported so far.

    Raises:
        DataError: no such file, no video, no sound, or truncated. No clip of it is left then.
        MissingDependency: PyAV is not installed.
    """
    clips: list[Clip] = []
    try:
        for index, piece in enumerate(_pieces(path)):
            clips.append(_write_clip(piece, store, _meta(path, split, index)))
            if progress is not None:
                progress(sum(clip.hops for clip in clips) / HOP_HZ)
    except BaseException:
        for clip in clips:
            shutil.rmtree(clip.path, ignore_errors=True)
        raise
    return clips


def _pieces(path: Path) -> Iterator[list[tuple[Frame, Pcm]]]:
    """Yield the file's hops, 30 s at a time."""
    pictures, sounds = hop_pictures(path), hop_sounds(path)
    hops = zip(sounds, pictures, strict=False)
    for index in itertools.count():
        piece = [(picture, sound) for sound, picture in itertools.islice(hops, CLIP_HOPS)]
        if index == 0 and not piece:
            raise DataError(f"{path} has less than one hop (33 ms) of picture with sound.")
        if not piece or (index > 0 and len(piece) < SHORTEST_HOPS):
            break
        yield piece
    # What is left of the picture is read too: a truncated file is noticed at its end only.
    for _ in pictures:
        pass


def hop_pictures(path: Path, size: int = PICTURE_SIZE) -> Iterator[Frame]:
    """Yield the picture of each hop of a video, uint8 (size, size, 3).

    Raises:
        DataError: the file is missing, is no video, or is damaged.
    """
    newest: Frame | None = None
    with VideoReader(path) as reader:
        for picture in per_hop(reader.pictures()):
            if picture is not None:
                newest = stretch(picture.rgb(), size, size)
            assert newest is not None
            yield newest


def _write_clip(piece: list[tuple[Frame, Pcm]], store: ClipStore, meta: ClipMeta) -> Clip:
    with store.writer(meta) as writer:
        for picture, _ in piece:
            writer.add_frame(picture)
        return writer.finish(np.concatenate([sound for _, sound in piece]), [])


def _meta(path: Path, split: Split, index: int) -> ClipMeta:
    slug = re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-")[:40]
    with path.open("rb") as file:
        digest = hashlib.sha256(file.read(1 << 20) + str(path.stat().st_size).encode()).hexdigest()[:8]
    return ClipMeta(
        clip_id=f"video-{slug}-{digest}-{index:05d}",
        split=split,
        source="video",
        kind="video",
        width=PICTURE_SIZE,
        height=PICTURE_SIZE,
        origin=path.name,
    )
