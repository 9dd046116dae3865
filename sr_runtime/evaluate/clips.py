"""Choose the validation clips that an evaluation runs on, and hold what it needs to know of each.

Sparse clips with click ground truth judge sync; all chosen clips judge everything else.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np

from sr_runtime.data.store import Clip, ClipStore, Pcm
from sr_runtime.errors import DataError
from sr_runtime.evaluate.isolated import IsolatedOnsets, isolated_onsets
from sr_runtime.evaluate.onsets import FloatArray, detect_onsets
from sr_runtime.types import Audio

SPARSE_KIND: Final[Literal["sparse"]] = "sparse"
"""Recorder preset of about one sound a second: dense play cannot test sync, chance reaches 0.4–0.6 there."""

_LEAST_CLIPS: Final = 2


@dataclass(frozen=True)
class EvaluationClip:
    """One clip of the evaluation.

    Attributes:
        index: Its number, which ties the sounds of all systems to it.
        clip: Pictures and true sound on disk.
        judges_sync: Whether it is sparse and has click ground truth.
    """

    index: int
    clip: Clip
    judges_sync: bool

    @cached_property
    def true_audio(self) -> Audio:
        """The game's own sound, float32 (hops × 1600, 2), 48 kHz, −1..1."""
        return _as_audio(self.clip.audio())

    @cached_property
    def stem_onsets_s(self) -> dict[str, FloatArray]:
        """When the sounds of each class begin, seconds, float64 (n,); empty without stems."""
        return {name: detect_onsets(stem_audio(self.clip, name)) for name in self.clip.meta.stems}

    @cached_property
    def isolated_onsets(self) -> IsolatedOnsets:
        """When one class of sound begins alone; none without stems."""
        stems = {name: stem_audio(self.clip, name) for name in self.clip.meta.stems}
        return isolated_onsets(stems, self.stem_onsets_s)


def stem_audio(clip: Clip, name: str) -> Audio:
    """Return the sounds of one class alone, float32 (hops × 1600, 2), 48 kHz, −1..1."""
    return _as_audio(clip.stem(name))


def _as_audio(pcm: Pcm) -> Audio:
    return np.asarray(pcm.astype(np.float32) / 32768.0, np.float32)


def choose_clips(
    store: ClipStore,
    count: int | None = None,
    leave_out: Collection[str] = (),
    needs_sync: bool = True,
) -> list[EvaluationClip]:
    """Return validation clips, half of them fit to judge sync where there are enough.

    Args:
        store: A store with validation clips.
        count: How many; all by default. Taken evenly over the store's order, so that maps mix.
        leave_out: Identifiers of clips that are not to be taken, such as those that a report is about to use.
        needs_sync: Whether clips without click ground truth are refused where there are no others.

    Returns:
        At least two clips, sync clips first.

    Raises:
        DataError: The store has too few validation clips, or, though needed, none with click ground truth.
    """
    clips = [clip for clip in store.clips("validation") if clip.clip_id not in leave_out]
    sync = [clip for clip in clips if _judges_sync(clip)]
    rest = [clip for clip in clips if not _judges_sync(clip)]
    if needs_sync and not sync:
        raise DataError(
            f"{store.root} has {len(clips)} {'further ' if leave_out else ''}validation clips, none of them "
            "sparse with click ground truth; "
            f"record some: sr-runtime record vizdoom --out {store.root} --split validation --kind sparse "
            "--ground-truth clicks --minutes 5" + (" (or lower --report-on)" if leave_out else "")
        )
    if len(clips) < _LEAST_CLIPS or (count is not None and count < _LEAST_CLIPS):
        raise DataError(
            f"an evaluation needs at least 2 validation clips: {len(clips)} there, {count} wanted"
        )
    total = len(clips) if count is None else min(count, len(clips))
    n_sync = min(len(sync), max(total // 2, total - len(rest)))
    chosen = [*_spread(sync, n_sync), *_spread(rest, total - n_sync)]
    return [EvaluationClip(index, clip, _judges_sync(clip)) for index, clip in enumerate(chosen)]


def _judges_sync(clip: Clip) -> bool:
    return clip.meta.kind == SPARSE_KIND and clip.meta.click_onsets_s is not None


def _spread(clips: Sequence[Clip], count: int) -> list[Clip]:
    """Return ``count`` of the clips, evenly spread over the whole list."""
    if count <= 0:
        return []
    return [clips[index * len(clips) // count] for index in range(count)]
