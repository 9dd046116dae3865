"""Which kinds of sound are answered, from the stems of clips that have them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sr_runtime.data.store import ClipStore
from sr_runtime.evaluate.classes import class_recalls, class_table
from sr_runtime.evaluate.clips import EvaluationClip, choose_clips
from sr_runtime.evaluate.scores import Take
from tests.unit.game_sounds import write_clip

SHOTS = [30, 90, 150, 210, 270]
DOORS = [60, 120, 180, 240, 300]


def take(clip: EvaluationClip, *hops: int) -> Take:
    """Return a sound that begins at these hops."""
    nothing = np.zeros((1, 1))
    return Take(
        clip,
        clip.index,
        np.array(sorted(hops)) / 30,
        0.0,
        np.zeros(0),
        nothing,
        nothing,
        np.zeros(0, np.bool_),
    )


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[EvaluationClip]:
    root: Path = tmp_path_factory.mktemp("store")
    stems = {"weapon": SHOTS, "door": DOORS, "pickup": [75]}
    write_clip(root, "sparse-stems", "sparse", sorted(SHOTS + DOORS), hops=330, stems=stems)
    write_clip(root, "dense-without", "dense", SHOTS, hops=330)
    return choose_clips(ClipStore(root))


def test_the_share_of_each_class_is_counted_alone(clips):
    real = [take(clips[0], *SHOTS, *DOORS)]
    recalls = class_recalls([take(clips[0], *SHOTS, DOORS[0])], real)
    assert set(recalls) == {"weapon", "door"}, "one pickup is an anecdote"
    assert (recalls["weapon"].model, recalls["weapon"].ceiling) == (1.0, 1.0)
    assert recalls["door"].model == pytest.approx(0.2)
    assert recalls["door"].chance < 0.5
    assert recalls["door"].onsets == 5
    assert "| door | 0.20 |" in "\n".join(class_table(recalls))


def test_several_seeds_are_counted_together(clips):
    real = [take(clips[0], *SHOTS, *DOORS)]
    recalls = class_recalls([take(clips[0], *SHOTS), take(clips[0])], real)
    assert (recalls["weapon"].model, recalls["weapon"].onsets) == (0.5, 10)


def test_clips_without_stems_have_no_classes(clips):
    without = [take(clips[1], *SHOTS)]
    assert class_recalls(without, without) is None
    mixed = [replace(take(clips[0], *SHOTS)), take(clips[1], *SHOTS)]
    assert set(class_recalls(mixed, mixed)) == {"weapon", "door"}
