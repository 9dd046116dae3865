"""Gain, DC block, limiter and guard: smooth, safe, and nothing at all to a clean sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from sr_runtime.audio.gain import CEILING, DCBlock, Limiter, SmoothedGain, bounded, is_sound
from sr_runtime.types import SAMPLE_RATE, Audio


def tone(seconds: float, level: float = 0.5, hz: float = 997.0) -> Audio:
    wave = level * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    return np.stack([wave, -wave], axis=1).astype(np.float32)


def in_hops(sound: Audio, apply) -> Audio:
    return np.concatenate([apply(sound[i : i + 1600]) for i in range(0, len(sound), 1600)])


def test_a_gain_of_one_changes_nothing() -> None:
    sound = tone(0.1)
    assert SmoothedGain(1.0).apply(sound) is sound


def test_a_gain_change_glides_without_a_step_and_arrives() -> None:
    gain = SmoothedGain(1.0)
    gain.target = 0.0
    out = in_hops(np.ones((4800, 2), np.float32), gain.apply)
    assert np.abs(np.diff(out[:, 0], prepend=1.0)).max() < 0.003  # 1/480 of the change per sample
    assert np.abs(out[2400:]).max() < 0.01
    assert np.all(in_hops(np.ones((1600, 2), np.float32), gain.apply) == 0.0)


def test_an_offset_is_gone_after_half_a_second() -> None:
    out = in_hops(tone(1.0) + np.float32(0.2), DCBlock().apply)
    assert abs(out[24000:].mean()) < 1e-3


def test_the_dc_block_leaves_20_hz_and_above_alone() -> None:
    block = DCBlock()
    sound = tone(1.0, hz=20.0)
    out = in_hops(sound, block.apply)
    assert np.abs(out[24000:]).max() == pytest.approx(0.5, rel=0.04)  # 5 Hz: -0.26 dB at 20 Hz


def test_the_dc_block_does_not_care_how_the_sound_is_cut() -> None:
    sound = tone(0.2) + np.float32(0.1)
    whole, parts = DCBlock(), DCBlock()
    cut = np.concatenate([parts.apply(piece) for piece in np.array_split(sound, 37)])
    np.testing.assert_allclose(whole.apply(sound), cut, atol=1e-6)


def test_the_limiter_leaves_quiet_sound_bit_for_bit() -> None:
    sound = tone(0.1, level=0.97)
    assert np.array_equal(in_hops(sound, Limiter().apply), sound)


def test_the_limiter_turns_down_together_and_recovers() -> None:
    limiter = Limiter()
    sound = np.concatenate([tone(0.2, 2.0), tone(1.0, 0.25)])
    sound[:, 1] *= 0.5
    out = in_hops(sound, limiter.apply)
    assert np.abs(out).max() <= CEILING + 1e-6
    loud = slice(0, 9600)
    np.testing.assert_allclose(out[loud, 1], -0.5 * out[loud, 0], atol=1e-6)
    np.testing.assert_allclose(out[-9600:], sound[-9600:], atol=1e-3)
    assert limiter.limited_hops > 0


@given(
    hnp.arrays(np.float32, (64, 2), elements=st.floats(-4, 4, width=32, allow_subnormal=False)),
    st.integers(1, 63),
)
@settings(max_examples=60, deadline=None)
def test_no_sound_passes_the_ceiling_however_it_is_cut(sound: Audio, cut: int) -> None:
    whole, parts = Limiter(), Limiter()
    out = np.concatenate([parts.apply(sound[:cut]), parts.apply(sound[cut:])])
    assert np.abs(out).max() <= CEILING + 1e-6
    np.testing.assert_allclose(out, whole.apply(sound), atol=1e-5)


@given(
    hnp.arrays(np.float32, (32, 2), elements=st.floats(width=32, allow_subnormal=False)),
    st.sampled_from([None, np.nan, np.inf, -np.inf]),
    st.integers(0, 31),
)
@settings(max_examples=100, deadline=None)
def test_the_guard_sees_every_sample_that_is_no_number(hop: Audio, poison: float | None, at: int) -> None:
    if poison is not None:
        hop[at, 0] = poison
    assert is_sound(hop) == bool(np.isfinite(hop).all())


def test_two_infinities_do_not_cancel_in_the_guard() -> None:
    hop = np.zeros((1600, 2), np.float32)
    hop[3, 0], hop[4, 1] = np.inf, -np.inf
    assert not is_sound(hop)


def test_absurd_levels_are_bounded_before_the_limiter() -> None:
    assert np.abs(bounded(np.full((4, 2), 1e30, np.float32))).max() == 4.0
