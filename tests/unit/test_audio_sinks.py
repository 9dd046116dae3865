"""Files, silent sinks and several sinks at once."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sr_runtime.audio import AudioSettings, NullSink, PlayerStats, Tee, WavSink, open_sink
from sr_runtime.errors import ConfigError, DataError
from sr_runtime.types import Audio


def hop(k: int, level: float = 0.5) -> Audio:
    at = np.arange(k * 1600, (k + 1) * 1600)
    wave = (level * np.sin(2 * np.pi * 997 * at / 48000)).astype(np.float32)
    return np.stack([wave, -wave], axis=1)


class Clock:
    """Time in a test's hand."""

    def __init__(self) -> None:
        self.now_ns = 10**12

    def __call__(self) -> int:
        return self.now_ns

    def pass_ms(self, ms: float) -> None:
        self.now_ns += round(ms * 1e6)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".WAV"])
def test_a_file_holds_what_was_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"take{suffix}"
    sink = WavSink(path)
    for k in range(10):
        sink.write(hop(k), 0, k)
    sink.close()
    sink.close()
    sound, rate = soundfile.read(path, dtype="float32")
    assert rate == 48000
    np.testing.assert_allclose(sound, np.concatenate([hop(k) for k in range(10)]), atol=1 / 32767)
    stats = sink.stats()
    assert (stats.state, stats.written, stats.dropped, stats.device) == ("closed", 10, 0, str(path))


def test_hops_that_were_skipped_become_silence_of_their_length(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "take.wav")
    for k in (0, 1, 2, 6, 7, 8):
        sink.write(hop(k), 0, k)
    sink.close()
    sound, _ = soundfile.read(sink.path, dtype="float32")
    assert len(sound) == 9 * 1600
    assert np.all(sound[3 * 1600 + 480 : 6 * 1600] == 0.0)
    np.testing.assert_allclose(sound[7 * 1600 :], np.concatenate([hop(7), hop(8)]), atol=1e-4)
    assert np.abs(np.diff(sound, axis=0)).max() < 0.072  # the tone's own largest step is 0.065
    assert (sink.stats().underruns, sink.stats().gaps_ms) == (1, pytest.approx(100))


def test_a_new_counting_of_hops_is_no_gap(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "take.wav")
    for k in (100, 101, 0, 1, 1_000_000):
        sink.write(hop(k % 1000), 0, k)
    sink.close()
    assert soundfile.info(sink.path).frames == 5 * 1600


def test_a_pause_ends_the_sound_softly(tmp_path: Path) -> None:
    sink = WavSink(tmp_path / "take.wav")
    sink.write(hop(0), 0, 0)
    sink.pause()
    sink.write(hop(40), 0, 40)
    sink.close()
    sound, _ = soundfile.read(sink.path, dtype="float32")
    assert len(sound) == 2 * 1600 + 480
    assert np.abs(np.diff(sound, axis=0)).max() < 0.072


def test_a_slow_disk_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    write = soundfile.SoundFile.write

    def slow_write(self: soundfile.SoundFile, data: Audio) -> None:
        go_on.wait(30)
        write(self, data)

    monkeypatch.setattr(soundfile.SoundFile, "write", slow_write)
    sink = WavSink(tmp_path / "take.wav", keep_time=False)
    for k in range(400):
        sink.write(hop(k))
    assert sink.stats().dropped >= 400 - 302
    go_on.set()
    sink.close()
    assert soundfile.info(sink.path).frames == sink.stats().written * 1600


def test_a_broken_disk_is_told_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken_write(self: soundfile.SoundFile, data: Audio) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(soundfile.SoundFile, "write", broken_write)
    sink = WavSink(tmp_path / "take.wav")
    sink.write(hop(0))
    with pytest.raises(DataError, match=r"cannot write the sound file .*take\.wav: No space left"):
        sink.close()
    assert "No space left" in sink.stats().reason


def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write the sound file"):
        WavSink(tmp_path / "missing folder" / "take.wav")
    with pytest.raises(
        ConfigError, match=r"file: expected a name ending in \.wav or \.flac, got '.*take\.ogg'"
    ):
        WavSink(tmp_path / "take.ogg")


def test_a_silent_sink_plays_at_the_pace_of_its_clock() -> None:
    clock = Clock()
    sink = NullSink(target_frames=3200, clock_ns=clock)
    assert sink.start().state == "idle"
    for k in range(300):
        sink.write(hop(0), clock.now_ns - 5_000_000, k)
        if k == 0:
            assert sink.stats().state == "priming"
        clock.pass_ms(1000 / 30)
    stats = sink.stats()
    assert (stats.state, stats.written, stats.underruns) == ("playing", 300, 0)
    assert stats.level_ms.max == pytest.approx(67, abs=1)
    assert stats.frame_to_sample_ms.p50 == pytest.approx(33.3 + 5, abs=1)


def test_a_silent_sink_counts_underruns_and_their_length() -> None:
    clock = Clock()
    sink = NullSink(target_frames=1600, clock_ns=clock)
    for k in range(3):
        sink.write(hop(0), 0, k)
    clock.pass_ms(150)
    sink.write(hop(0), 0, 3)
    clock.pass_ms(10)
    stats = sink.stats()
    assert (stats.state, stats.underruns) == ("playing", 1)
    assert stats.gaps_ms == pytest.approx(50, abs=1)


def test_a_pause_of_a_silent_sink_is_no_underrun() -> None:
    clock = Clock()
    sink = NullSink(target_frames=1600, clock_ns=clock)
    sink.write(hop(0))
    sink.pause()
    clock.pass_ms(5000)
    stats = sink.stats()
    assert (stats.state, stats.underruns, stats.gaps_ms) == ("idle", 0, 0)


def test_a_tee_gives_every_sink_every_hop_and_reports_the_first(tmp_path: Path) -> None:
    null, file = NullSink(), WavSink(tmp_path / "take.wav")
    tee = Tee(null, file)
    tee.start()
    for k in range(5):
        tee.write(hop(k), 0, k)
    tee.pause()
    assert tee.stats().device == "none"
    tee.close()
    assert (null.stats().written, file.stats().written) == (5, 5)


def test_a_tee_closes_all_even_if_one_fails(tmp_path: Path) -> None:
    class Failing(NullSink):
        def close(self) -> None:
            raise DataError("cannot close")

    file = WavSink(tmp_path / "take.wav")
    tee = Tee(file, Failing())
    with pytest.raises(DataError, match="cannot close"):
        tee.close()
    assert file.stats().state == "closed"


def test_the_settings_open_a_sink_with_a_file_beside_it(tmp_path: Path) -> None:
    sink = open_sink(AudioSettings(device="none", file=str(tmp_path / "take.flac")))
    sink.write(hop(0), 0, 0)
    stats: PlayerStats = sink.stats()
    sink.close()
    assert (stats.state, stats.device) == ("no device", "none")
    assert soundfile.info(tmp_path / "take.flac").frames == 1600
