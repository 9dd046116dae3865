"""The rival that replays training sound: what it looks at, what it plays, and that it cannot see ahead."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.engine.member import Member
from sr_runtime.engine.session import Engine
from sr_runtime.engine.vision import VisionStage
from sr_runtime.errors import DataError
from sr_runtime.evaluate.onsets import detect_onsets
from sr_runtime.evaluate.retrieval import (
    Retrieval,
    choose_segments,
    describe,
    follow,
    join,
    see,
    training_clips,
)
from sr_runtime.evaluate.sync import onset_f1
from tests.unit.game_sounds import write_clip

FLASHES = [12, 47, 95, 140]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> ClipStore:
    root = tmp_path_factory.mktemp("store")
    write_clip(root, "train-one", "sparse", [20, 60, 110, 155, 200], hops=250, split="train")
    write_clip(root, "train-two", "dense", [5, 30, 71], hops=100, split="train")
    write_clip(root, "shown", "sparse", FLASHES, hops=180)
    return ClipStore(root)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("probe")


@pytest.fixture(scope="module")
def retrieval(engine, store) -> Retrieval:
    return Retrieval(engine, choose_segments(training_clips([store.root])))


def test_flashes_sound_as_they_did_in_training(retrieval, store):
    sound = retrieval.sound(store.clip("shown"))
    assert sound.shape == (180 * 1600, 2)
    assert onset_f1(detect_onsets(sound), np.array(FLASHES) / 30) == 1.0


def test_what_comes_later_changes_nothing_before(retrieval, store, tmp_path: Path):
    other = write_clip(tmp_path, "shown", "sparse", [*FLASHES[:2], 100, 130, 170], hops=180)
    one, two = retrieval.sound(store.clip("shown")), retrieval.sound(other)
    first_difference = 95 * 1600
    assert np.array_equal(one[:first_difference], two[:first_difference])
    assert not np.array_equal(one, two)


def test_only_training_clips_are_replayed(store):
    with pytest.raises(DataError, match="shown is a validation clip"):
        choose_segments([store.clip("shown")])
    assert {clip.clip_id for clip in training_clips([store.root])} == {"train-one", "train-two"}


def test_clips_with_stems_are_quieter_and_used_only_alone(tmp_path: Path):
    write_clip(tmp_path, "stems", "dense", [5], hops=30, stems={"weapon": [5]}, split="train")
    assert {part.clip.clip_id for part in choose_segments(training_clips([tmp_path]))} == {"stems"}
    write_clip(tmp_path, "plain", "dense", [5], hops=30, split="train")
    assert {part.clip.clip_id for part in choose_segments(training_clips([tmp_path]))} == {"plain"}


def test_budget_is_spread_over_the_clips(store):
    clips = training_clips([store.root])
    assert sum(segment.hops for segment in choose_segments(clips)) == 350
    few = choose_segments(clips * 10, minutes=10 * 120 / 1800)
    assert len(few) == 10
    assert {segment.clip.clip_id for segment in few} == {"train-one", "train-two"}


def test_no_training_clip_is_refused(engine):
    with pytest.raises(DataError, match="training clips, got none"):
        Retrieval(engine, [])


def test_description_holds_the_last_tokens_newest_first():
    rows = describe(np.arange(6, dtype=np.float32)[:, None])[:, :4]
    assert rows.tolist() == [
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [2, 1, 0, 0],
        [3, 2, 1, 0],
        [4, 3, 2, 1],
        [5, 4, 3, 2],
    ]


def test_pictures_are_seen_as_the_model_sees_them(engine, store):
    clip: Clip = store.clip("shown")
    tokens = see(engine, clip.frames()[:20])
    member = Member(engine.bundle.initial_state())
    stage = VisionStage(engine.backend.graph("vision"), engine.bundle.image)
    for index in range(20):
        (token,) = stage.see([member], [clip.frame(index)], [False])
        assert np.array_equal(token.ravel(), tokens[index])
    assert len(np.unique(tokens.round(4), axis=0)) > 1


def test_source_goes_on_while_it_is_about_as_near_as_the_nearest():
    distances = np.full((3, 6), 10.0, np.float32)
    distances[0, 1] = distances[1, 4] = distances[2, 5] = 1.0
    distances[1, 2] = 1.9
    follows = np.ones(6, np.bool_)
    assert follow(distances, follows).tolist() == [1, 2, 5]
    follows[2] = False
    assert follow(distances, follows).tolist() == [1, 4, 5], "2 begins another segment"


def test_change_of_source_fades_and_going_on_does_not():
    sounds = np.zeros((6, 1600, 2), np.int16)
    sounds[:] = (1000 * np.arange(6))[:, None, None]
    sounds[2] = 32767  # an attack that followed in training
    audio = join(sounds, np.array([0, 1, 4])) * 32768
    assert audio[1600, 0] == 1000, "sound 1 follows sound 0 in training: no fade"
    assert audio[3200, 0] == pytest.approx(1000), "the fade begins where the last sound ended"
    assert audio[3200:].max() < 4200, "and never plays what followed it"
    assert audio[3200 + 240, 0] == 4000
