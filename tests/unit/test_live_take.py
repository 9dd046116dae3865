"""Putting sound that came back live on the frames' own time line."""

from __future__ import annotations

import numpy as np
from sr_bridge.client import AudioHop

from sr_runtime.live.take import LiveTake


def hop(index: int, seq: int, level: float = 1.0) -> AudioHop:
    audio = np.full((1600, 2), level, np.float32)
    return AudioHop(audio=audio, hop=index, flags=0, capture_ns=0, age_us=0, seq=seq)


def level_of_frame(sound: np.ndarray, frame: int) -> float:
    return float(sound[1600 * frame : 1600 * (frame + 1)].mean())


def test_each_hop_lies_under_the_frame_that_it_heard():
    """The runtime had run 7 hops before our first frame (seq 1) came."""
    take = LiveTake(frames=4, hops=[hop(7 + k, k + 1, level=k) for k in range(4)])
    assert [level_of_frame(take.sound(), k) for k in range(4)] == [0.0, 1.0, 2.0, 3.0]


def test_a_repeated_frame_moves_nothing_after_it():
    """Hop 2 saw frame seq 2 again, hop 3 saw seq 4: one late frame, one dropped."""
    seqs = [1, 2, 2, 4, 5, 6, 7]
    take = LiveTake(frames=7, hops=[hop(k, seq, level=k) for k, seq in enumerate(seqs)])
    assert [level_of_frame(take.sound(), k) for k in range(7)] == [0, 1, 2, 3, 4, 5, 6]


def test_sound_follows_the_pictures_of_a_source_that_falls_behind():
    """Ten frames in time, a stall of 20 hops, ten more frames."""
    before = [hop(k, k + 1, level=k) for k in range(10)]
    stalled = [hop(k, 10, level=99) for k in range(10, 30)]
    after = [hop(k, k - 19, level=k) for k in range(30, 40)]
    sound = LiveTake(frames=20, hops=[*before, *stalled, *after]).sound()
    assert [level_of_frame(sound, k) for k in (0, 9, 10, 19)] == [0, 9, 30, 39]


def test_a_skipped_hop_is_silence_in_its_place():
    take = LiveTake(frames=4, hops=[hop(k, k + 1) for k in (0, 1, 3)])
    assert [level_of_frame(take.sound(), k) for k in range(4)] == [1.0, 1.0, 0.0, 1.0]


def test_hops_before_the_first_frame_and_after_the_last_are_left_out():
    take = LiveTake(frames=2, hops=[hop(0, 0, 9.0), hop(1, 1), hop(2, 2), hop(3, 2, 9.0)])
    sound = take.sound()
    assert sound.shape == (3200, 2)
    assert float(sound.max()) == 1.0


def test_no_sound_at_all_is_silence_of_the_right_length():
    assert LiveTake(frames=3).sound().shape == (4800, 2)
