"""Which clips are evaluated, and the baselines made from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sr_runtime.data.store import ClipStore
from sr_runtime.errors import DataError
from sr_runtime.evaluate import baselines
from sr_runtime.evaluate.clips import EvaluationClip, choose_clips
from sr_runtime.evaluate.recording import plan_validation
from tests.unit.game_sounds import write_clip


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> ClipStore:
    root = tmp_path_factory.mktemp("store")
    for number in range(3):
        write_clip(root, f"sparse-{number}", "sparse", [5, 20 + number], hops=45)
        write_clip(root, f"dense-{number}", "dense", [3, 10, 17 + number], hops=45)
    return ClipStore(root)


@pytest.fixture(scope="module")
def clips(store) -> list[EvaluationClip]:
    return choose_clips(store)


def test_all_clips_are_taken_by_default_sync_clips_first(clips):
    assert [clip.judges_sync for clip in clips] == [True] * 3 + [False] * 3
    assert [clip.index for clip in clips] == list(range(6))


def test_half_of_the_wanted_clips_judge_sync(store):
    assert [clip.judges_sync for clip in choose_clips(store, 4)] == [True, True, False, False]


def test_settings_are_chosen_on_other_clips_than_those_reported(store):
    reported = {clip.clip.clip_id for clip in choose_clips(store, 2)}
    others = choose_clips(store, None, reported)
    assert {clip.clip.clip_id for clip in others} == {clip.clip_id for clip in store} - reported
    assert [clip.judges_sync for clip in others] == [True] * 2 + [False] * 2


def test_more_clips_than_there_are_means_all(store):
    assert len(choose_clips(store, 100)) == 6


def test_store_without_click_ground_truth_is_refused_with_the_command(tmp_path: Path):
    write_clip(tmp_path, "dense", "dense", [5], hops=10)
    with pytest.raises(DataError, match="--ground-truth clicks"):
        choose_clips(ClipStore(tmp_path))


def test_clips_of_a_game_without_clicks_can_be_had_where_sync_is_not_asked(tmp_path: Path):
    for number in range(2):
        write_clip(tmp_path, f"dense-{number}", "dense", [5], hops=10)
    clips = choose_clips(ClipStore(tmp_path), 4, needs_sync=False)
    assert [clip.judges_sync for clip in clips] == [False, False]


def test_single_clip_is_refused(tmp_path: Path):
    write_clip(tmp_path, "sparse", "sparse", [5], hops=10)
    with pytest.raises(DataError, match="at least 2"):
        choose_clips(ClipStore(tmp_path))


def test_noise_has_the_level_of_the_clip_and_both_channels_differ(clips):
    true, noise = clips[0].true_audio, baselines.level_matched_noise(clips[0])
    assert noise.shape == true.shape
    assert np.sqrt((noise**2).mean()) == pytest.approx(np.sqrt((true**2).mean()), rel=0.02)
    assert abs(np.corrcoef(noise.T)[0, 1]) < 0.05


def test_silence_is_silent(clips):
    assert not baselines.silence(clips[0]).any()


def test_other_clip_is_of_the_same_kind_and_never_the_clip_itself(clips):
    for clip in clips:
        other = baselines.other_clip(clip, clips)
        assert other.index != clip.index
        assert other.clip.meta.kind == clip.clip.meta.kind


def test_shorter_sound_is_repeated_and_longer_sound_cut():
    sound = np.arange(6, dtype=np.float32).reshape(3, 2)
    assert len(baselines.fitted(sound, 7)) == 7
    assert np.array_equal(baselines.fitted(sound, 7)[3:6], sound)
    assert np.array_equal(baselines.fitted(sound, 2), sound[:2])


def test_planned_recordings_are_half_sparse_with_clicks_and_only_appended_to(tmp_path: Path):
    few, many = plan_validation(tmp_path, 4), plan_validation(tmp_path, 8)
    assert {job.split for job in many} == {"validation"}
    assert [job.kind for job in few] == ["sparse", "sparse", "dense", "dense"]
    assert [job.ground_truth for job in few] == ["clicks", "clicks", "none", "none"]
    assert set(few) < set(many)
