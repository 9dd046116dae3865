"""Played on a real sound system and recorded: whole sound, true latency, and recovery from every fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from sr_runtime.audio import AudioPlayer, AudioSettings, PlayerStats
from sr_runtime.types import HOP_SAMPLES, SAMPLE_RATE, Audio
from tests.realtime.bed import NullSinkBed, Recording
from tests.realtime.counting_sound import (
    LEVEL,
    MIDDLE,
    Producer,
    gaps_ms,
    kinks,
    largest_step,
    pulses,
    sounding,
)
from tests.realtime.host import host_disturbance, undisturbed


def wait_for(
    player: AudioPlayer, holds: Callable[[PlayerStats], bool], timeout_s: float = 20.0
) -> PlayerStats:
    """Wait until the player's stats are as wanted."""
    deadline = time.monotonic() + timeout_s
    while not holds(stats := player.stats()):
        assert time.monotonic() < deadline, f"still {stats}"
        time.sleep(0.02)
    return stats


def wait_for_sound(recording: Recording, timeout_s: float = 20.0) -> float:
    """Wait until something audible is being recorded; returns how long it took, in seconds."""
    begun, frames = time.monotonic(), recording.frames
    while not np.any(np.abs(recording.sound[frames:, 0]) > 0.1):
        assert time.monotonic() - begun < timeout_s, "no sound came"
        time.sleep(0.02)
    return time.monotonic() - begun


def test_every_hop_is_heard_once_in_order_and_whole(null_sink: NullSinkBed) -> None:
    def attempt() -> str:
        player = AudioPlayer(AudioSettings(latency="safe"))
        with null_sink.record() as recording:
            assert player.start().state in ("idle", "priming")
            producer = Producer(player)
            time.sleep(6.0)
            producer.stop()
            stats = player.stats()
            player.close()
            time.sleep(0.3)
        sound = recording.stop()
        disturbance = host_disturbance(producer, stats, recording)
        if disturbance:
            return disturbance
        check_whole(sound, producer, stats)
        check_latency(sound, recording, producer, stats)
        return ""

    undisturbed(attempt)


def test_a_sound_server_that_was_kept_away_is_a_disturbance_of_the_host(null_sink: NullSinkBed) -> None:
    player = AudioPlayer(AudioSettings(latency="safe"))
    with null_sink.record() as recording:
        player.start()
        producer = Producer(player)
        time.sleep(1.0)
        null_sink.freeze_daemon()
        time.sleep(0.1)
        null_sink.thaw_daemon()
        time.sleep(0.5)
        producer.stop()
        stats = player.stats()
        player.close()
    assert host_disturbance(producer, stats, recording)
    assert recording.longest_wait_s > 0.1


def check_whole(sound: Audio, producer: Producer, stats: PlayerStats) -> None:
    """No gap, no kink, the right level, all hops."""
    assert (stats.underruns, stats.gaps_ms, stats.skips, stats.dropped, stats.corrupt) == (0, 0, 0, 0, 0)
    heard = sound[sounding(sound)]
    body = heard[480:-960]  # the rise at the beginning, the fade at the end
    assert gaps_ms(sound) == []
    assert kinks(body) == 0
    assert largest_step(sound) < 1.05, "a click at the beginning or the end"
    assert np.abs(body[:, 0]).max() == pytest.approx(LEVEL, rel=0.01)
    at, numbers = pulses(sound[: sounding(sound).stop - 960])  # the fade may begin in a pulse
    assert np.all(np.diff(numbers) % 8 == 1), "a hop is missing or doubled"
    assert np.abs(np.diff(at) - HOP_SAMPLES).max() <= 12  # ±0.6 % of resampling
    # The start trims at most one hop, the end leaves what the rings held.
    assert producer.hops - 8 <= len(at) <= producer.hops


def check_latency(sound: Audio, recording: Recording, producer: Producer, stats: PlayerStats) -> None:
    """What the player says of its latency is what the recording says."""
    at, numbers = pulses(sound)
    first = int(numbers[0])
    measured_ms = [
        (recording.heard_ns(int(frame)) - producer.captures_ns[first + i]) / 1e6 - MIDDLE * 1000 / SAMPLE_RATE
        for i, frame in enumerate(at)
    ]
    # The monitor has a block when it is rendered, up to 40 ms before its DAC time; the recorder adds 10-20.
    assert -45 < np.median(measured_ms) - stats.frame_to_sample_ms.p50 < 60


def test_a_stalled_producer_is_heard_as_one_soft_gap(null_sink: NullSinkBed) -> None:
    def attempt() -> str:
        player = AudioPlayer(AudioSettings(latency="balanced"))
        with null_sink.record() as recording:
            player.start()
            producer = Producer(player)
            time.sleep(2.0)
            before = host_disturbance(producer, player.stats(), recording)
            producer.stall(0.2)
            time.sleep(3.0)
            producer.stop()
            stats = player.stats()
            player.close()
        disturbance = before or host_disturbance(producer, stats, recording)
        if disturbance:
            return disturbance
        sound = recording.stop()
        gaps = gaps_ms(sound)
        assert stats.underruns == 1
        assert len(gaps) == 1
        assert 100 < gaps[0] < 350  # 200 ms, less the sound that waited, and the refill
        assert abs(gaps[0] - stats.gaps_ms) < 40, "what is reported is what is heard"
        assert largest_step(sound) < 1.05, "a click"
        assert stats.target_ms == 83
        assert stats.level_ms.p50 < 83 + 40
        return ""

    undisturbed(attempt)


def test_sound_returns_after_the_sound_server_crashed(null_sink: NullSinkBed) -> None:
    player = AudioPlayer(AudioSettings(latency="balanced"))
    try:
        player.start()
        producer = Producer(player)
        wait_for(player, lambda stats: stats.state == "playing")
        null_sink.kill_daemon()
        lost = wait_for(player, lambda stats: stats.state == "lost")
        assert "sound device" in lost.reason
        time.sleep(0.7)
        null_sink.start_daemon()
        with null_sink.record() as recording:
            wait_for(player, lambda stats: stats.state == "playing")
            wait_for_sound(recording)
            time.sleep(0.5)
        stats = player.stats()
        assert stats.reopens + stats.restarts >= 1
        assert stats.underruns >= 1
        assert stats.gaps_ms > 700
        assert stats.dropped == 0
        producer.stop()
    finally:
        player.close()


def test_a_frozen_sound_server_is_seen_and_sound_returns_when_it_thaws(null_sink: NullSinkBed) -> None:
    player = AudioPlayer(AudioSettings(latency="balanced"))
    try:
        player.start()
        producer = Producer(player)
        wait_for(player, lambda stats: stats.state == "playing")
        with null_sink.record() as recording:
            wait_for_sound(recording)
            null_sink.freeze_daemon()
            lost = wait_for(player, lambda stats: stats.state == "lost", timeout_s=2.0)
            assert "has not asked for sound" in lost.reason
            time.sleep(0.5)
            null_sink.thaw_daemon()
            wait_for(player, lambda stats: stats.state == "playing")
            wait_for_sound(recording)
        stats = player.stats()
        assert stats.underruns >= 1
        assert stats.level_ms.p50 < 83 + 100, "no backlog is played late"
        producer.stop()
    finally:
        player.close()


def test_a_killed_audio_process_is_replaced_and_sound_returns(null_sink: NullSinkBed) -> None:
    player = AudioPlayer(AudioSettings(latency="balanced"))
    try:
        player.start()
        producer = Producer(player)
        wait_for(player, lambda stats: stats.state == "playing")
        first = player.pid
        assert first is not None
        with null_sink.record() as recording:
            wait_for_sound(recording)
            os.kill(first, signal.SIGKILL)
            wait_for(player, lambda stats: stats.restarts == 1 and stats.state == "playing")
            wait_for_sound(recording)
            time.sleep(0.5)
            resumed = recording.sound[-SAMPLE_RATE // 2 :]
        stats = player.stats()
        assert largest_step(resumed) < 1.05 or stats.device_underflows, "stale hops must not join new ones"
        assert player.pid != first
        assert stats.underruns >= 1
        assert stats.gaps_ms > 100
        producer.stop()
    finally:
        player.close()


def test_a_device_that_is_not_there_yet_is_opened_when_it_comes(null_sink: NullSinkBed) -> None:
    null_sink.kill_daemon()
    player = AudioPlayer(AudioSettings(latency="balanced"))
    try:
        stats = player.start()
        assert stats.state == "no device"
        assert stats.reason
        producer = Producer(player)
        null_sink.start_daemon()
        with null_sink.record() as recording:
            wait_for(player, lambda stats: stats.state == "playing")
            wait_for_sound(recording)
        assert player.stats().restarts == 0
        producer.stop()
    finally:
        player.close()


def test_a_wrong_device_name_is_told_with_the_names_there_are(null_sink: NullSinkBed) -> None:
    player = AudioPlayer(AudioSettings(device="no such card"))
    stats = player.start()
    player.close()
    assert stats.state == "no device"
    assert "'no such card' fits none" in stats.reason
    assert "pulse" in stats.reason


def test_a_device_can_be_named(null_sink: NullSinkBed) -> None:
    player = AudioPlayer(AudioSettings(device="pulse"))
    stats = player.start()
    player.close()
    assert stats.device == "pulse"


def test_the_devices_verb_lists_the_device_and_plays_a_tone_on_it(null_sink: NullSinkBed) -> None:
    command = [sys.executable, "-c", "from sr_runtime.cli import main; main()", "devices"]
    listing = subprocess.run(
        [*command, "--json", "-"], capture_output=True, text=True, timeout=60, check=True
    )
    report = json.loads(listing.stdout)
    assert report["problem"] == ""
    assert {"default", "pulse"} <= {device["name"] for device in report["devices"]}
    assert listing.stderr == ""
    with null_sink.record() as recording:
        played = subprocess.run([*command, "--test"], capture_output=True, text=True, timeout=60, check=True)
    assert "Played 1.2 s on default" in played.stdout
    sound = recording.stop()
    left, right = (np.nonzero(np.abs(sound[:, side]) > 0.1)[0] for side in (0, 1))
    assert np.median(left) < np.median(right)
    assert np.abs(sound).max() == pytest.approx(0.2, abs=0.01)
