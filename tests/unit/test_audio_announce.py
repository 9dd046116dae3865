"""What the runtime's log says about its sound."""

from __future__ import annotations

import pytest

from sr_runtime.audio import PlayerStats
from sr_runtime.audio.announce import Announcer


def test_a_loss_and_the_return_are_each_told_once(caplog: pytest.LogCaptureFixture) -> None:
    announcer = Announcer()
    lost = PlayerStats(state="lost", reason="the sound device vanished")
    for stats in (
        PlayerStats(state="playing"),
        lost,
        lost,
        PlayerStats(),
        PlayerStats(state="priming", device="USB"),
    ):
        announcer.look(stats)
        announcer.look(stats)
    assert caplog.messages == ["no sound: the sound device vanished", "sound is back on USB"]


def test_a_normal_start_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    announcer = Announcer()
    for state in ("starting", "idle", "priming", "playing"):
        announcer.look(PlayerStats(state=state, target_ms=83.0))
    assert caplog.messages == []


def test_a_widened_latency_is_told_and_a_narrowed_one_is_not(caplog: pytest.LogCaptureFixture) -> None:
    announcer = Announcer()
    for target_ms in (67.0, 100.5, 100.5, 90.0, 67.0):
        announcer.look(PlayerStats(state="playing", underruns=2, target_ms=target_ms))
    assert len(caplog.messages) == 1
    assert "(2 underruns): latency widened to 100 ms" in caplog.messages[0]
