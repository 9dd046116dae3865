"""What a model misses is told by what happened when it began to rest."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from sr_runtime.data.store import Event
from sr_runtime.evaluate.missed import NOTHING, missed_sounds, missed_table


def take(silent: list[int], events: list[Event], judges_sync: bool = True) -> SimpleNamespace:
    """Return as much of a take as is looked at: 20 windows of 0.1 s, silent in those named."""
    flags = np.isin(np.arange(20), silent)
    clip = SimpleNamespace(index=0, judges_sync=judges_sync, clip=SimpleNamespace(events=events))
    return SimpleNamespace(clip=clip, is_silent=flags)


EVENTS = [Event(0.45, "door"), Event(0.5, "use"), Event(0.5, "actor", "Imp"), Event(1.5, "shot")]


def test_every_false_silence_is_laid_to_what_happened_at_its_beginning() -> None:
    takes = {"real": [take([0, 1, 19], EVENTS)], "model": [take([0, 1, 5, 6, 7, 12, 15, 19], EVENTS)]}
    missed = missed_sounds(takes)
    assert missed is not None
    assert (missed.windows, missed.silent) == (5, 8)
    assert missed.causes == {"door and use": 3, NOTHING: 1, "shot": 1}
    text = "\n".join(missed_table(missed))
    assert "| door and use | 60% |" in text
    assert "5 of 8 silent windows" in text


def test_silences_that_the_game_has_are_not_missed() -> None:
    takes = {"real": [take([3, 4], EVENTS)], "model": [take([3, 4], EVENTS)]}
    missed = missed_sounds(takes)
    assert missed is not None
    assert (missed.windows, missed.causes) == (0, {})


def test_dense_clips_and_clips_without_a_log_say_nothing() -> None:
    silent = list(range(20))
    for one in (take(silent, EVENTS, judges_sync=False), take(silent, [])):
        assert missed_sounds({"real": [one], "model": [one]}) is None


def test_rare_causes_are_summed_up() -> None:
    events = [Event(0.2 * k, f"kind{k}") for k in range(10)]
    takes = {"real": [take([], events)], "model": [take([0, 2, 4, 6, 8, 10, 12, 14, 16, 18], events)]}
    missed = missed_sounds(takes)
    assert missed is not None
    assert "| other | " in "\n".join(missed_table(missed))
