"""Play for each picture the sound of the training picture that is most like it: the strongest cheap rival.

Real sound, cut in hop by hop and cross-faded, with no generator at all: what a model must beat to be worth
its networks. Causal as the model is: hop k hears pictures up to k only. Made once per evaluation, from a
sample of the training clips. Thread: the caller's, which is the inference thread here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.engine.member import Member
from sr_runtime.engine.session import Engine
from sr_runtime.engine.vision import VisionStage
from sr_runtime.errors import DataError
from sr_runtime.evaluate.generate import Progress, ignore_progress
from sr_runtime.types import HOP_HZ, HOP_SAMPLES, Audio, Frame

DEFAULT_MINUTES: Final = 10.0
"""Of training play to look through: 18,000 pictures, about two minutes on one core and 0.5 GB."""

_SEGMENT_HOPS: Final = 120
"""Pictures taken in a row, 4 s: many places of many clips, yet most sounds fit in whole."""

_TOKENS: Final = 12
"""Newest pictures that a description holds, 0.4 s. Chosen with _STAY on six validation clips, so that it is
at its best: onset F1 0.16 with 1 token, 0.36 with 4, 0.47 with 8, 0.55 with 12."""

_STAY: Final = 2.0
"""A sound goes on until another training picture is nearer by this factor. Without it every hop would begin
another sound, and each beginning is an onset (F1 0.15 at a factor of 1)."""

_FADE: Final = 240
"""Samples of the cross-fade where the source changes: 5 ms, no click and still an attack."""

Floats = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Segment:
    """Pictures ``start … start + hops − 1`` of a training clip."""

    clip: Clip
    start: int
    hops: int


def training_clips(stores: Iterable[Path]) -> list[Clip]:
    """Return the training clips of some stores."""
    return [clip for store in stores for clip in ClipStore(store).clips("train")]


def choose_segments(clips: Sequence[Clip], minutes: float = DEFAULT_MINUTES) -> list[Segment]:
    """Spread a budget of pictures evenly over training clips.

    Args:
        clips: Training clips.
        minutes: Most play to take; everything if there is less.

    Returns:
        Segments of 4 s, at most one clip's length each, the same for the same clips and minutes.

    Raises:
        DataError: A clip is not a training clip.
    """
    for clip in clips:
        if clip.split != "train":
            raise DataError(
                f"retrieval may only replay training clips: {clip.clip_id} is a {clip.split} clip"
            )
    # Clips with stems are recorded more quietly than all others: they are taken only if there are no others.
    clips = [clip for clip in clips if not clip.meta.stems] or clips
    places = [
        Segment(clip, start, min(_SEGMENT_HOPS, clip.hops - start))
        for clip in clips
        for start in range(0, clip.hops, _SEGMENT_HOPS)
        if clip.hops - start > 1
    ]
    wanted = min(len(places), max(1, round(minutes * 60 * HOP_HZ / _SEGMENT_HOPS)))
    # One of each run of places, at random: a fixed step could take the beginning of every clip.
    edges = np.arange(wanted + 1) * len(places) // max(1, wanted)
    rng = np.random.default_rng(0)
    return [places[int(rng.integers(low, high))] for low, high in pairwise(edges)]


class Retrieval:
    """Training pictures with their sound, ready to be looked up.

    Example:
        >>> segments = choose_segments(training_clips([Path("data/doom")]))  # doctest: +SKIP
        >>> Retrieval(Engine(), segments).sound(clip).shape  # doctest: +SKIP
        (1440000, 2)
    """

    def __init__(
        self, engine: Engine, segments: Sequence[Segment], on_progress: Progress = ignore_progress
    ) -> None:
        """Look at the training pictures.

        Args:
            engine: Whose vision graph sees the pictures: the rival knows what the model knows of them.
            segments: From :func:`choose_segments`, at least one.
            on_progress: Called with 1 after every picture.

        Raises:
            DataError: There is no segment.
        """
        if not segments:
            raise DataError("retrieval needs training clips, got none")
        self._engine = engine
        described: list[Floats] = []
        sounds: list[npt.NDArray[np.int16]] = []
        follows: list[npt.NDArray[np.bool_]] = []
        for segment in segments:
            span = range(segment.start, segment.start + segment.hops)
            pictures = (segment.clip.frame(index) for index in span)
            described.append(describe(see(engine, pictures, on_progress)))
            sounds.append(segment.clip.audio().reshape(-1, HOP_SAMPLES, 2)[span.start : span.stop])
            follows.append(np.arange(segment.hops) > 0)
        self._known = np.concatenate(described)
        self._sounds = np.concatenate(sounds)
        self._follows = np.concatenate(follows)

    @property
    def hops(self) -> int:
        """Return the number of training pictures."""
        return len(self._known)

    def sound(self, clip: Clip) -> Audio:
        """Return the sound for a clip's pictures, float32 (hops × 1600, 2), 48 kHz, −1..1."""
        wanted = describe(see(self._engine, clip.frames()))
        squares = (self._known**2).sum(axis=1) - 2 * wanted @ self._known.T
        distances = np.sqrt(np.maximum(squares + (wanted**2).sum(axis=1)[:, None], 0.0))
        return join(self._sounds, follow(distances, self._follows))


def see(engine: Engine, frames: Iterable[Frame], on_progress: Progress = ignore_progress) -> Floats:
    """Return the tokens of consecutive pictures, float32 (pictures, width), as a session would get them."""
    stage = VisionStage(engine.graph("vision"), engine.bundle.image)
    member, tokens = Member(engine.bundle.initial_state()), []
    for frame in frames:
        tokens += stage.see([member], [frame], [False])
        on_progress(1)
    return np.concatenate(tokens)


def describe(tokens: Floats) -> Floats:
    """Describe each picture by its token and those before it.

    Args:
        tokens: float32 (pictures, width), in order of time.

    Returns:
        float32 (pictures, 12 × width), newest first; the first token stands for what came before it.
    """
    ages = [np.maximum(np.arange(len(tokens)) - age, 0) for age in range(_TOKENS)]
    return np.concatenate([tokens[rows] for rows in ages], axis=1)


def follow(distances: Floats, follows: npt.NDArray[np.bool_]) -> Indices:
    """Choose a source for every hop, going on with the last one while it is about as near as the nearest.

    Args:
        distances: float32 (hops, training pictures).
        follows: (training pictures,): whether each is the next of the one before it.

    Returns:
        int64 (hops,): indices of training pictures.
    """
    path = distances.argmin(axis=1)
    for hop in range(1, len(path)):
        following = path[hop - 1] + 1
        if following < len(follows) and follows[following]:
            nearest = distances[hop, path[hop]]
            if distances[hop, following] <= _STAY * nearest:
                path[hop] = following
    return np.asarray(path, np.int64)


def join(sounds: npt.NDArray[np.int16], path: Indices) -> Audio:
    """Put the chosen hops one after the other, faded where the source changes.

    The source that is left fades out by its own last 5 ms played backwards: what followed it in training may
    be the attack of a sound that has no place here.

    Args:
        sounds: int16 (training pictures, 1600, 2).
        path: int64 (hops,).

    Returns:
        float32 (hops × 1600, 2), −1..1.
    """
    hops = sounds[path].astype(np.float32) / 32768.0
    angle = np.linspace(0.0, np.pi / 2, _FADE, dtype=np.float32)[:, None]
    for hop in np.flatnonzero(np.diff(path) != 1) + 1:
        leaving = hops[hop - 1, : -_FADE - 1 : -1]
        hops[hop, :_FADE] = hops[hop, :_FADE] * np.sin(angle) + leaving * np.cos(angle)
    return np.asarray(np.clip(hops.reshape(-1, 2), -1.0, 1.0), np.float32)
