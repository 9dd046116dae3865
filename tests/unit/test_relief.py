"""What all go without when beats take too long, and when they get it back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import pytest

from sr_runtime.engine.bundle import SamplingSpec
from sr_runtime.engine.settings import Relief, SamplingSettings
from sr_runtime.server.relief import BEAT_MS, FIRST_WAIT, LADDER, LATE_BEATS, LONGEST_WAIT, ReliefLadder


def beats(ladder: ReliefLadder, busy_ms: float, count: int) -> list[int]:
    """Note beats; return at which of them something changed."""
    return [beat for beat in range(count) if ladder.note(busy_ms)]


def test_one_step_at_a_time_to_the_end_and_no_further() -> None:
    ladder = ReliefLadder()
    assert beats(ladder, 40.0, 100) == [LATE_BEATS * step - 1 for step in (1, 2, 3)]
    assert ladder.is_at_the_end
    assert ladder.relief == LADDER[-1] == Relief(most_nfe=1, is_guided=False)


def asked(nfe: int, guidance: float) -> SamplingSettings:
    return SamplingSettings.from_spec(SamplingSpec(), nfe=nfe, guidance=guidance)


@pytest.mark.parametrize(
    ("sessions", "levels"),
    [
        ([asked(4, 1.5)], [0, 1, 2, 3]),
        ([asked(2, 1.5)], [0, 2, 3]),
        ([asked(1, 1.5)], [0, 3]),
        ([asked(1, 1.5), asked(4, 1.0)], [0, 1, 2, 3]),
        ([asked(1, 1.0)], [0, 3]),
    ],
)
def test_steps_that_nobody_feels_are_left_out_on_either_way(
    sessions: list[SamplingSettings], levels: list[int]
) -> None:
    ladder, seen = ReliefLadder(), [0]
    for busy_ms, beats_of_it in ((40.0, 100), (5.0, 3000)):
        for _ in range(beats_of_it):
            if ladder.note(busy_ms, sessions):
                seen.append(LADDER.index(ladder.relief))
    assert seen == [*levels, *levels[-2::-1]]


@pytest.mark.parametrize("busy_ms", [5.0, 25.0, 33.0])
def test_beats_in_time_change_nothing(busy_ms: float) -> None:
    ladder = ReliefLadder()
    assert beats(ladder, busy_ms, 1000) == []
    assert ladder.relief == Relief()


def test_a_stall_changes_nothing() -> None:
    ladder = ReliefLadder()
    for _ in range(30):
        assert beats(ladder, 10.0, 20) == beats(ladder, 500.0, LATE_BEATS - 1) == []


def test_nothing_is_given_back_while_beats_are_only_just_in_time() -> None:
    ladder = ReliefLadder()
    beats(ladder, 40.0, LATE_BEATS)
    assert beats(ladder, 25.0, 2000) == []
    assert beats(ladder, 8.0, 2000) != []
    assert ladder.relief == Relief()


Costs = Sequence[float]
"""Of a beat at each level of the ladder, ms."""


def played(ladder: ReliefLadder, costs: Costs, count: int, stalls: range = range(0)) -> list[int]:
    """Note beats that cost what they cost at the ladder's level, or 100 ms; return the level at each."""
    levels = []
    for beat in range(count):
        levels.append(LADDER.index(ladder.relief))
        ladder.note(100.0 if beat in stalls else costs[levels[-1]])
    return levels


@pytest.mark.parametrize("stalled_beats", [LATE_BEATS, 2 * LATE_BEATS, 30])
@pytest.mark.parametrize("costs", [(20, 15, 13, 12), (28, 22, 20.5, 20), (32, 30, 29, 28), (33, 32, 32, 32)])
def test_a_stall_passes_even_if_quality_as_asked_for_takes_most_of_a_beat(
    costs: Costs, stalled_beats: int
) -> None:
    ladder = ReliefLadder()
    levels = played(ladder, costs, 2000, stalls=range(600, 600 + stalled_beats))
    assert set(levels[:600]) == {0}
    assert max(levels) >= 1
    assert ladder.takes_nothing


def test_what_did_not_fit_before_is_tried_again_only_after_the_longest_wait() -> None:
    ladder, costs = ReliefLadder(), (40.0, 28.0, 26.0, 24.0)
    levels = played(ladder, costs, 3 * LONGEST_WAIT)
    tries = [beat for beat, (before, now) in enumerate(itertools.pairwise(levels)) if now < before]
    assert len(tries) == 2
    assert tries[1] - tries[0] > LONGEST_WAIT
    assert levels.count(0) == 3 * LATE_BEATS


def test_when_the_machine_is_quicker_again_everything_comes_back() -> None:
    ladder, costs = ReliefLadder(), (28.0, 20.0, 17.0, 14.0)
    played(ladder, costs, 600)
    levels = played(ladder, [1.6 * ms for ms in costs], 6000)
    steps = sum(before != now for before, now in itertools.pairwise(levels))
    assert levels[-1] > 0
    assert steps <= 6
    levels = played(ladder, costs, 3000)
    assert ladder.takes_nothing


def test_giving_back_too_early_makes_it_wait_longer_up_to_a_limit() -> None:
    ladder, waits = ReliefLadder(), []
    beats(ladder, 40.0, LATE_BEATS)
    for _ in range(9):
        waited = 1
        while not ladder.note(5.0):
            waited += 1
        waits.append(waited)
        beats(ladder, 40.0, LATE_BEATS)
    assert waits[:3] == [FIRST_WAIT, 2 * FIRST_WAIT, 4 * FIRST_WAIT]
    assert waits[-1] == LONGEST_WAIT


@pytest.mark.parametrize(
    ("relief", "asked", "left"),
    [
        (Relief(), ("consistency", 4, 3.0), (4, 3.0)),
        (Relief(most_nfe=2), ("consistency", 4, 3.0), (2, 3.0)),
        (Relief(most_nfe=2), ("consistency", 1, 3.0), (1, 3.0)),
        (Relief(most_nfe=1, is_guided=False), ("consistency", 4, 3.0), (1, 1.0)),
        (Relief(most_nfe=1, is_guided=False), ("heun", 15, 3.0), (15, 1.0)),
    ],
)
def test_never_more_than_was_asked_for(
    relief: Relief, asked: tuple[str, int, float], left: tuple[int, float]
) -> None:
    sampler, nfe, guidance = asked
    settings = SamplingSettings.from_spec(SamplingSpec(), sampler=sampler, nfe=nfe, guidance=guidance)
    given = relief.applied(settings)
    assert (given.nfe, given.guidance) == left
    assert (given.sampler, given.seed) == (settings.sampler, settings.seed)


def test_quality_that_fails_again_soon_is_tried_less_and_less_often() -> None:
    ladder, given_back = ReliefLadder(), []
    for beat in range(40 * FIRST_WAIT):
        # As asked for is in time for eleven seconds only, less is at ease.
        is_late = (
            ladder.relief == LADDER[0] and beat - (given_back[-1] if given_back else -LONGEST_WAIT) > 330
        )
        if ladder.note(40.0 if is_late else 10.0) and ladder.relief == LADDER[0]:
            given_back.append(beat)
    gaps = [later - earlier for earlier, later in itertools.pairwise(given_back)]
    assert len(gaps) >= 3
    assert all(later > 1.3 * earlier for earlier, later in itertools.pairwise(gaps))


def test_the_ladder_tells_whether_beats_are_what_was_asked_for() -> None:
    ladder = ReliefLadder()
    assert ladder.takes_nothing
    for _ in range(LATE_BEATS):
        ladder.note(BEAT_MS + 1)
    assert not ladder.takes_nothing
