"""Held-out maps stay held out, and the splits do not mix."""

from __future__ import annotations

from pathlib import Path

import pytest

from sr_runtime.data.recorder import plan_clips
from sr_runtime.data.splits import (
    HELD_OUT_MAPS,
    SCENARIOS,
    TRAIN_MAPS,
    VALIDATION_MAPS,
    Level,
    check_recordable,
    level_named,
)
from sr_runtime.data.vizdoom import play
from sr_runtime.errors import DataError, HeldOutError


def test_no_map_is_in_two_splits():
    lists = [set(TRAIN_MAPS), set(VALIDATION_MAPS), set(HELD_OUT_MAPS), set(SCENARIOS)]
    assert sum(len(maps) for maps in lists) == len(set().union(*lists))


@pytest.mark.parametrize("level", HELD_OUT_MAPS, ids="-".join)
def test_held_out_maps_are_refused_for_every_split(level):
    for split in ("train", "validation", None):
        with pytest.raises(HeldOutError, match="held out"):
            check_recordable(level.wad, level.map, split)


def test_a_held_out_map_is_refused_in_small_letters_too():
    with pytest.raises(HeldOutError):
        check_recordable("Freedoom2", "map30")


def test_a_held_out_map_can_neither_be_planned_nor_played():
    with pytest.raises(HeldOutError):
        plan_clips(Path("store"), "train", 1, 60, maps=[Level("freedoom1", "E4M1")])
    with pytest.raises(HeldOutError):
        next(play("MAP32", seed=1, seconds=1))


def test_unknown_maps_are_refused():
    with pytest.raises(HeldOutError, match="on no list"):
        check_recordable("mywad", "MAP01")


def test_validation_maps_are_refused_for_training():
    with pytest.raises(HeldOutError, match="--split validation"):
        check_recordable("freedoom2", "MAP25", "train")


def test_names_of_maps_name_their_game():
    assert level_named("e1m3") == Level("freedoom1", "E1M3")
    assert level_named("MAP05") == Level("freedoom2", "MAP05")
    assert level_named("take_cover") == Level("take_cover", "MAP01")


def test_more_hours_only_append_clips():
    short = plan_clips(Path("store"), "train", 1, 600)
    long = plan_clips(Path("store"), "train", 1, 6000)
    assert long[: len(short)] == short


def test_every_ten_clips_hold_the_mix():
    jobs = plan_clips(Path("store"), "train", 1, 3600)
    for first in range(0, len(jobs), 10):
        kinds = [job.kind for job in jobs[first : first + 10]]
        assert [kinds.count(k) for k in ("dense", "scenario", "sparse", "quiet")] == [6, 2, 1, 1]


def test_planned_clips_stay_on_their_splits_maps():
    assert {job.level for job in plan_clips(Path("s"), "validation", 3, 3600)} <= set(VALIDATION_MAPS)
    assert {job.level for job in plan_clips(Path("s"), "train", 3, 3600)} <= {*TRAIN_MAPS, *SCENARIOS}


def test_nothing_to_record_is_an_error():
    with pytest.raises(DataError, match="0 s"):
        plan_clips(Path("store"), "train", 1, 0)
