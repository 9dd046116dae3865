"""Which picture a hop hears: the newest one shown up to the hop's end, and none when there is no new one."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sr_runtime.video.hops import per_hop


class Shown(NamedTuple):
    name: int
    time_s: float
    end_s: float


def steady(fps: Fraction | float, count: int, first_s: float = 0.0) -> list[Shown]:
    return [Shown(n, float(n / fps) + first_s, float((n + 1) / fps) + first_s) for n in range(count)]


def names(pictures: list[Shown]) -> list[int | None]:
    return [picture.name if picture else None for picture in per_hop(pictures)]


def test_our_own_movie_gives_back_frame_k_for_hop_k():
    """Frame k is written at (k+1)/30 s."""
    assert names(steady(30, 5, first_s=1 / 30))[:5] == [0, 1, 2, 3, 4]


def test_times_rounded_to_milliseconds_move_no_picture_to_the_next_hop():
    rounded = [Shown(n, round((n + 1) / 30, 3), round((n + 2) / 30, 3)) for n in range(60)]
    assert names(rounded)[:60] == list(range(60))


def test_a_30_fps_camera_movie_is_one_frame_ahead_of_the_hop_and_ends_with_a_repeat():
    """Frame n is at n/30 s, so the picture at the end of hop k is frame k+1."""
    assert names(steady(30, 5)) == [1, 2, 3, 4, None]


def test_a_20_fps_movie_repeats_every_third_picture():
    assert names(steady(20, 4)) == [0, 1, 2, None, 3, None]


def test_a_60_fps_movie_uses_every_second_picture():
    assert names(steady(60, 10)) == [2, 4, 6, 8, 9]


def test_ntsc_rates_neither_drift_nor_repeat_within_ten_minutes():
    chosen = names(steady(Fraction(30000, 1001), 17982))
    assert chosen.count(None) == 19  # 600 s · 30 hops − 17982 pictures, of which the first is skipped
    assert len(chosen) == 18000


def test_a_picture_held_for_seconds_is_new_once():
    held = [Shown(0, 0.0, 2.0), Shown(1, 2.0, 2.1)]
    assert names(held) == [0, *[None] * 58, 1, None, None, None]


def test_a_late_first_picture_is_taken_early_instead_of_a_black_one():
    assert names([Shown(7, 0.5, 0.6)])[:2] == [7, None]


def test_no_picture_gives_no_hop():
    assert names([]) == []


@given(st.lists(st.floats(0.001, 0.5), min_size=1, max_size=60))
def test_any_rhythm_hears_no_picture_twice_and_none_too_early(gaps):
    times = [sum(gaps[:n]) for n in range(len(gaps) + 1)]
    pictures = [Shown(n, times[n], times[n + 1]) for n in range(len(gaps))]
    chosen = names(pictures)
    fresh = [name for name in chosen if name is not None]
    assert fresh == sorted(set(fresh))
    for hop, name in enumerate(chosen):
        if name is not None and hop > 0:
            assert pictures[name].time_s <= (hop + 1) / 30 + 1.001e-3
    assert len(chosen) == pytest.approx(times[-1] * 30, abs=1.01)
