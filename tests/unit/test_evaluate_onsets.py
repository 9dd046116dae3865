"""Onset detection: where sounds begin, and where none does."""

from __future__ import annotations

import numpy as np
import pytest

from sr_runtime.errors import DataError
from sr_runtime.evaluate.onsets import detect_onsets
from sr_runtime.evaluate.sync import onset_f1
from tests.unit.game_sounds import bursts, sparse_times


def test_bursts_are_found_within_ten_milliseconds():
    times = sparse_times(30)
    found = detect_onsets(bursts(times, 30))
    assert onset_f1(found, times, tolerance_s=0.010) > 0.95  # measured 1.0 at 10 ms


def test_detection_has_no_bias():
    times = sparse_times(30)
    found = detect_onsets(bursts(times, 30))
    nearest = [found[np.abs(found - time).argmin()] - time for time in times]
    assert abs(np.median(nearest)) < 0.006  # one step of 5 ms


def test_quiet_burst_after_a_loud_one_is_found():
    sound = bursts([1.0], 4, level=0.3) + bursts([2.5], 4, level=0.01)
    assert np.allclose(detect_onsets(sound), [1.0, 2.5], atol=0.02)


def test_burst_on_one_side_only_is_found():
    sound = bursts([1.0], 3)
    sound[:, 0] = 0
    assert np.allclose(detect_onsets(sound), [1.0], atol=0.02)


def test_silence_has_no_onset():
    assert len(detect_onsets(np.zeros((96_000, 2), np.float32))) == 0


def test_steady_tone_has_one_onset_at_most():
    tone = np.sin(2 * np.pi * 440 * np.arange(4 * 48_000) / 48_000).astype(np.float32) * 0.3
    assert len(detect_onsets(np.stack([tone, tone], axis=1))) <= 1


def test_sound_shorter_than_one_spectrum_has_no_onset():
    assert len(detect_onsets(np.ones((100, 2), np.float32))) == 0


def test_mono_sound_is_refused_with_its_shape():
    with pytest.raises(DataError, match=r"\(48000,\)"):
        detect_onsets(np.zeros(48_000, np.float32))


def test_long_sound_gives_the_same_onsets_as_its_pieces():
    times = sparse_times(30)
    sound = bursts(times, 30)  # longer than the 20 s of spectra that are computed at once
    whole = detect_onsets(sound)
    second_part = detect_onsets(sound[15 * 48_000 :]) + 15
    # The cut may ring at its edge; a second later both must agree.
    assert np.allclose(whole[whole > 16], second_part[second_part > 16])
