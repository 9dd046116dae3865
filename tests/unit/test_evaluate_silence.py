"""Silence where the game is silent: what counts as silent, precision, recall, and their chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sr_runtime.data.store import ClipStore
from sr_runtime.evaluate.clips import EvaluationClip, choose_clips
from sr_runtime.evaluate.paired import silent_windows
from sr_runtime.evaluate.scores import Take
from sr_runtime.evaluate.silence import silence_table, silences
from tests.unit.game_sounds import write_clip


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[EvaluationClip]:
    root: Path = tmp_path_factory.mktemp("store")
    write_clip(root, "sparse", "sparse", [5], hops=15)
    write_clip(root, "dense", "dense", [5], hops=15)
    return choose_clips(ClipStore(root))


def take(clip: EvaluationClip, silent: str) -> Take:
    """Return a sound that is silent where there is a dot."""
    nothing = np.zeros((1, 1))
    is_silent = np.array([letter == "." for letter in silent])
    return Take(clip, clip.index, np.zeros(0), 0.0, np.zeros(0), nothing, nothing, is_silent)


def test_window_is_silent_at_sixty_below_full_scale():
    sound = np.zeros((3 * 4800, 2), np.float32)
    sound[:4800] = 10 ** (-59 / 20)
    sound[4800:9600] = 10 ** (-61 / 20)
    assert silent_windows(sound).tolist() == [False, True, True]


def test_precision_and_recall_are_counted_over_windows(clips):
    takes = {
        "real": [take(clips[0], "....####")],
        "model": [take(clips[0], "...##.##")],  # silent 4 times, rightly 3 times
    }
    scores = silences(takes)["all"].systems["model"]
    assert (scores.precision, scores.recall) == (0.75, 0.75)
    assert (scores.chance_precision, scores.chance_recall) == (0.5, 0.5)


def test_chance_is_what_all_circular_shifts_give_on_average(clips):
    real, model = "..#...##.###", "...##.#.####"
    takes = {"real": [take(clips[0], real)], "model": [take(clips[0], model)]}
    shifted = [{**takes, "model": [take(clips[0], model[by:] + model[:by])]} for by in range(len(model))]
    found = [silences(each)["all"].systems["model"] for each in shifted]
    assert np.mean([scores.precision for scores in found]) == pytest.approx(found[0].chance_precision)
    assert np.mean([scores.recall for scores in found]) == pytest.approx(found[0].chance_recall)


def test_silence_in_the_right_clip_alone_is_chance(clips):
    """A model that rests through a quiet clip and plays through a loud one has learnt nothing of time."""
    takes = {
        "real": [take(clips[0], "....."), take(clips[1], "#####")],
        "model": [take(clips[0], "....."), take(clips[1], "#####")],
    }
    scores = silences(takes)["all"].systems["model"]
    assert (scores.precision, scores.chance_precision) == (1.0, 1.0)


def test_kinds_are_judged_alone_and_together(clips):
    takes = {
        "real": [take(clips[0], "..##"), take(clips[1], "####")],
        "model": [take(clips[0], "..##"), take(clips[1], ".###")],
    }
    found = silences(takes)
    assert list(found) == ["all", "sparse", "dense"]
    assert found["all"].silent_share == 0.25
    assert found["sparse"].systems["model"].precision == 1.0
    assert (found["dense"].systems["model"].precision, found["dense"].systems["model"].recall) == (0.0, None)
    lines = silence_table(found)
    assert "| precision, all clips ↑ | 0.67 (0.33) |" in lines
    assert lines.count("| · dense | – |") == 1, "recall of what is never silent"


def test_seeds_are_counted_together(clips):
    takes = {"real": [take(clips[0], "..##")], "model": [take(clips[0], "..##"), take(clips[0], "##..")]}
    assert silences(takes)["all"].systems["model"].precision == 0.5
