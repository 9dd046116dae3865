"""The end-of-hop rule: pictures and sounds of 35 tics a second become 30 hops a second."""

from __future__ import annotations

import numpy as np

from sr_runtime.data.alignment import (
    TIC_SAMPLES,
    Resampler,
    Tic,
    hop_of_tic,
    hops_of_tics,
    tic_of_hop,
    tics_for_hops,
)


def numbered_tics(count: int, click_at: int | None = None, cut_at: int | None = None) -> list[Tic]:
    """Return tics whose picture shows their number and whose sound is silent but for one click."""
    tics = []
    for number in range(count):
        sound = np.zeros((TIC_SAMPLES, 2), np.int16)
        if number == click_at:
            sound[44:110] = 20000  # 1 ms after the tic's start, as in the game
        tics.append(Tic(np.full((2, 2, 3), number % 256, np.uint8), sound, number == cut_at))
    return tics


def test_a_hop_shows_the_tic_that_sounds_when_it_ends():
    assert [tic_of_hop(k) for k in range(7)] == [1, 2, 3, 4, 5, 6, 8]
    for hop in range(2000):
        end_s = (hop + 1) / 30
        tic = tic_of_hop(hop)
        assert tic / 35 < end_s <= (tic + 1) / 35 + 1e-9


def test_a_tic_is_first_shown_by_the_hop_it_starts_in():
    for tic in range(2000):
        hop = hop_of_tic(tic)
        assert tic_of_hop(hop) >= tic
        assert hop == 0 or tic_of_hop(hop - 1) < tic


def test_no_click_sounds_before_its_picture():
    for tic in range(3, 10):
        hops = list(hops_of_tics(numbered_tics(14, click_at=tic)))
        loud = next(k for k, hop in enumerate(hops) if np.abs(hop.sound).max() > 5000)
        shown = next(k for k, hop in enumerate(hops) if hop.frame[0, 0, 0] >= tic)
        assert loud == shown


def test_a_click_keeps_its_time_within_a_tenth_of_a_millisecond():
    hops = list(hops_of_tics(numbered_tics(70, click_at=33)))
    sound = np.concatenate([hop.sound for hop in hops])[:, 0].astype(float)
    onset_s = int(np.argmax(sound > 10000)) / 48000
    assert abs(onset_s - (33 / 35 + 44 / 44100)) < 1e-4


def test_three_seconds_are_90_hops_of_1600_samples():
    assert tics_for_hops(900) == 1050
    hops = list(hops_of_tics(numbered_tics(tics_for_hops(90))))
    assert len(hops) == 90
    assert all(hop.sound.shape == (1600, 2) for hop in hops)
    assert not any(hop.sound.any() for hop in hops)  # silence stays exactly 0


def test_a_cut_in_a_tic_that_no_hop_shows_marks_the_next_picture():
    unseen = 7  # hop 5 shows tic 6, hop 6 shows tic 8
    hops = list(hops_of_tics(numbered_tics(35, cut_at=unseen)))
    assert [k for k, hop in enumerate(hops) if hop.is_cut] == [6]


def test_resampling_in_pieces_equals_resampling_at_once():
    rng = np.random.default_rng(0)
    sound = (rng.standard_normal((TIC_SAMPLES * 20, 2)) * 3000).astype(np.int16)
    at_once = Resampler().push(sound, last=True)
    pieces = Resampler()
    parts = [pieces.push(sound[i : i + 777]) for i in range(0, len(sound), 777)]
    parts.append(pieces.push(sound[:0], last=True))
    assert np.abs(np.concatenate(parts).astype(int) - at_once).max() <= 1
    assert abs(len(at_once) - len(sound) * 160 / 147) < 1
