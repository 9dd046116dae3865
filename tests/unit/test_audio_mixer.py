"""Several sessions under one limiter: levels, joins without clicks, and nothing poisonous gets through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_runtime.audio import Mixer
from sr_runtime.audio.fades import FADE_IN_FRAMES, crossfade, fade_in, rise, tail
from sr_runtime.audio.gain import CEILING
from sr_runtime.errors import ConfigError, SessionError
from sr_runtime.types import Audio

STEP = 0.25 * 2 * np.pi * 997 / 48000
"""Largest step from sample to sample of the test tone."""


def hop(k: int, level: float = 0.25, hz: float = 997.0) -> Audio:
    at = np.arange(k * 1600, (k + 1) * 1600)
    wave = (level * np.sin(2 * np.pi * hz * at / 48000)).astype(np.float32)
    return np.stack([wave, wave], axis=1)


def largest_step(sound: Audio) -> float:
    return float(np.abs(np.diff(sound, axis=0)).max())


def test_fades_go_all_the_way_and_start_softly() -> None:
    curve = rise(240)[:, 0]
    assert curve[-1] == 1.0
    assert curve[0] < 1e-4
    assert np.all(np.diff(curve) > 0)


def test_a_tail_continues_the_last_sample_down_to_nothing() -> None:
    faded = tail(np.array([0.5, -0.25], np.float32))
    assert faded.shape == (480, 2)
    assert np.abs(faded[0] - [0.5, -0.25]).max() < 1e-4
    assert np.all(faded[-1] == 0.0)


@given(
    st.floats(-1, 1, width=32, allow_subnormal=False),
    st.floats(-1, 1, width=32, allow_subnormal=False),
    st.integers(1, 600),
)
@settings(max_examples=50, deadline=None)
def test_a_crossfade_stays_between_its_sides(old: float, new: float, frames: int) -> None:
    blended = crossfade(np.full((frames, 2), old, np.float32), np.full((frames, 2), new, np.float32))
    assert blended.min() >= min(old, new) - 1e-6
    assert blended.max() <= max(old, new) + 1e-6
    assert blended[-1, 0] == pytest.approx(new, abs=1e-6)


def test_fading_in_does_not_touch_its_input() -> None:
    sound = np.ones((1600, 2), np.float32)
    faded = fade_in(sound)
    assert sound[0, 0] == 1.0
    assert faded[0, 0] < 1e-3
    assert np.all(faded[FADE_IN_FRAMES:] == 1.0)


def test_one_session_passes_unchanged_but_for_its_fade_in_and_the_dc_block() -> None:
    mixer = Mixer()
    mixer.add(1)
    mixed = np.concatenate([mixer.mix({1: hop(k)}) for k in range(30)])
    clean = np.concatenate([hop(k) for k in range(30)])
    np.testing.assert_allclose(
        mixed[24000:], clean[24000:], atol=2e-3
    )  # 5 Hz high-pass: 0.3 degrees of phase


def test_sessions_add_up_with_their_gains() -> None:
    mixer = Mixer()
    mixer.add("a", gain=0.5)
    mixer.add("b")
    for k in range(30):
        mixed = mixer.mix({"a": hop(k), "b": hop(k, hz=500.0)})
    np.testing.assert_allclose(mixed, 0.5 * hop(29) + hop(29, hz=500.0), atol=4e-3)


def test_many_loud_sessions_stay_below_the_ceiling() -> None:
    mixer = Mixer()
    for session in range(8):
        mixer.add(session)
    for k in range(10):
        mixed = mixer.mix({session: hop(k, level=0.9) for session in range(8)})
        assert np.abs(mixed).max() <= CEILING + 1e-6
    assert mixer.limited_hops > 0


def test_a_session_that_stops_and_returns_does_not_click() -> None:
    mixer = Mixer()
    mixer.add(1)
    hops: list[Audio | None] = [hop(k) for k in range(10)]
    hops[4] = hops[7] = None
    mixed = np.concatenate([mixer.mix({1: one}) for one in hops])
    assert largest_step(mixed) < 1.1 * STEP
    assert mixer.strip_of(1).missing_hops == 2
    assert np.all(mixed[4 * 1600 + 480 : 5 * 1600] == 0.0)


def test_a_session_that_leaves_is_faded_out() -> None:
    mixer = Mixer()
    mixer.add(1)
    sound = [mixer.mix({1: hop(k)}) for k in range(5)]
    mixer.remove(1)
    sound += [mixer.mix({}), mixer.mix({})]
    assert largest_step(np.concatenate(sound)) < 1.1 * STEP
    assert np.all(sound[-1] == 0.0)
    assert 1 not in mixer


@pytest.mark.parametrize("poison", [np.nan, np.inf, -np.inf])
def test_one_poisoned_sample_silences_its_session_only(poison: float) -> None:
    mixer = Mixer()
    mixer.add("good")
    mixer.add("bad")
    for k in range(20):
        bad = hop(k)
        if k == 10:
            bad[800, 1] = poison
        mixed = mixer.mix({"good": hop(k, hz=500.0), "bad": bad})
        assert np.isfinite(mixed).all()
        if k == 10:
            np.testing.assert_allclose(mixed[600:], hop(k, hz=500.0)[600:], atol=5e-3)
    assert mixer.strip_of("bad").bad_hops == 1
    assert mixer.strip_of("good").bad_hops == 0


def test_muting_and_unmuting_glide() -> None:
    mixer = Mixer()
    mixer.add(1)
    sound = []
    for k in range(30):
        if k in (10, 20):
            mixer.set_mute(1, k == 10)
        sound.append(mixer.mix({1: hop(k)}))
    assert largest_step(np.concatenate(sound)) < 1.1 * STEP
    assert np.abs(sound[19]).max() < 1e-3
    assert np.abs(sound[29]).max() > 0.24


def test_a_gain_set_while_muted_counts_after_it() -> None:
    mixer = Mixer()
    mixer.add(1)
    mixer.set_mute(1, True)
    mixer.set_gain(1, 0.5)
    mixer.set_mute(1, False)
    assert mixer.strip_of(1).gain == 0.5
    for k in range(20):
        mixed = mixer.mix({1: hop(k)})
    assert np.abs(mixed).max() == pytest.approx(0.125, abs=0.003)


def test_wrong_gains_and_unknown_sessions_are_told() -> None:
    mixer = Mixer()
    with pytest.raises(ConfigError, match=r"gain: expected 0–4, got 5"):
        mixer.add(1, gain=5.0)
    with pytest.raises(ConfigError, match="got nan"):
        mixer.add(1, gain=float("nan"))
    with pytest.raises(SessionError, match="'x' is not in the mixer"):
        mixer.set_gain("x", 1.0)
    mixer.add(1)
    with pytest.raises(SessionError, match="remove it first"):
        mixer.add(1)
    mixer.remove("never there")


def test_hops_of_sessions_that_are_not_in_the_mixer_are_not_heard() -> None:
    assert np.all(Mixer().mix({"stranger": hop(0)}) == 0.0)
