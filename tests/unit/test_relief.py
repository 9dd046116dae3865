"""What all go without when beats take too long, and when they get it back."""

from __future__ import annotations

import itertools

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
