"""The validator finds wrong lags, dead clips and bad levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sr_runtime.data.report import DatasetReport, contents, write_report
from sr_runtime.data.store import Clip, ClipMeta, ClipStore, Event
from sr_runtime.data.validate import validate_store

HOPS = 300


def clip(
    root: Path,
    name: str,
    lag_hops: int = 0,
    level: float = 8000.0,
    frozen: bool = False,
    clicks: bool = False,
    events: tuple[Event, ...] = (),
    balance_db: float = 0.0,
) -> Clip:
    """Write a clip that flashes at irregular times and sounds ``lag_hops`` later."""
    rng = np.random.default_rng(len(name))
    flashes = np.cumsum(rng.integers(9, 40, 20))
    flashes = flashes[flashes < HOPS - 20]
    sound = np.zeros((HOPS * 1600, 2))
    decay = np.exp(-np.arange(4800) / 1200.0)[:, None]
    for flash in flashes:
        start = (flash + lag_hops) * 1600 + 50
        sound[start : start + 4800] += level * decay * rng.standard_normal((4800, 2)) * 0.4
    sound[:, 0] *= 10 ** (balance_db / 20)
    meta = ClipMeta(clip_id=name, split="train", source="video", kind="video", width=64, height=64)
    with ClipStore(root).writer(meta) as writer:
        for k in range(HOPS):
            bright = not frozen and any(flash <= k < flash + 4 for flash in flashes)
            writer.add_frame(np.full((64, 64, 3), 200 if bright else 40, np.uint8))
        pcm = np.clip(sound, -32768, 32767).astype(np.int16)
        onsets = (flashes * 1600 + 50) / 48000 if clicks else None
        return writer.finish(pcm, list(events), onsets)


@pytest.mark.parametrize("lag_hops", [-4, 0, 1, 5])
def test_the_lag_between_picture_and_sound_is_found(tmp_path: Path, lag_hops: int):
    report = validate_store([clip(tmp_path, "a", lag_hops)])
    assert report.lag_hops == lag_hops
    assert report.lag_r > 0.5
    assert bool(report.rejected) == (abs(lag_hops) > 1)


def test_a_wrong_lag_is_found_against_clicks_too(tmp_path: Path):
    right, wrong = clip(tmp_path, "right", clicks=True), clip(tmp_path, "wrong", lag_hops=1, clicks=True)
    reports = validate_store([right, wrong]).clips
    assert abs(reports[0].click_lag_ms) <= 5.0
    assert abs(reports[1].click_lag_ms - 33.3) <= 5.0
    assert not reports[0].reasons
    assert "click ground truth" in reports[1].reasons[0]


def test_a_silent_clip_is_rejected(tmp_path: Path):
    report = validate_store([clip(tmp_path, "a", level=0.0)])
    assert report.rejected[0].reasons == ["silent throughout"]
    assert report.rejected[0].rms_dbfs == -120.0


def test_a_frozen_picture_is_rejected(tmp_path: Path):
    report = validate_store([clip(tmp_path, "a", frozen=True)])
    assert "the picture never changes" in report.rejected[0].reasons


def test_a_clipped_sound_is_rejected(tmp_path: Path):
    assert "full scale" in validate_store([clip(tmp_path, "a", level=2e6)]).rejected[0].reasons[0]


def test_damaged_files_are_rejected_and_the_rest_is_measured(tmp_path: Path):
    clips = [clip(tmp_path, name) for name in ("a", "bb", "ccc")]
    frames = clips[0].path / "frames.mjpeg"
    frames.write_bytes(frames.read_bytes()[:1000])
    (clips[1].path / "audio.wav").write_bytes(b"not a sound")
    report = validate_store(clips)
    assert [c.clip_id for c in report.rejected] == ["a", "bb"]
    assert all(c.reasons[0].startswith("unreadable") for c in report.rejected)
    assert report.lag_hops == 0


def test_levels_are_measured(tmp_path: Path):
    report = validate_store([clip(tmp_path, "a")]).clips[0]
    assert -20 < report.peak_dbfs < 0
    assert report.rms_dbfs < report.peak_dbfs
    assert 0 < report.silent_share < 1
    assert 0.5 < report.onsets_per_s < 2.0
    assert report.seconds == HOPS / 30


def test_a_report_counts_events_by_what_they_concern_and_draws_them(tmp_path: Path):
    shots = (Event(1.0, "shot", value=3.0), Event(2.0, "shot", value=3.0), Event(2.5, "shot", value=5.0))
    seen = (Event(0.1, "actor", "DoomImp"), Event(0.2, "actor", "DoomImp"), Event(0.3, "actor", "Medikit"))
    clips = [clip(tmp_path, "a", events=shots), clip(tmp_path, "b", events=seen, balance_db=-12.0)]
    report = DatasetReport(splits=contents(clips), store=validate_store(clips))
    held = report.splits["train"]
    assert held.events == {"shot": 3}
    assert held.weapons == {"weapon 3": 2, "weapon 5": 1}
    assert (held.monsters, held.actors) == ({"DoomImp": 2}, {"Medikit": 1})
    assert held.hours == pytest.approx(2 * HOPS / 30 / 3600, abs=5e-4)
    middle, leaning = report.store.clips
    assert middle.panned_share < 0.1 < 0.9 < leaning.panned_share
    write_report(report, tmp_path / "report")
    assert "weapon 3 2" in (tmp_path / "report" / "report.md").read_text()
    assert (tmp_path / "report" / "report.png").stat().st_size > 10_000
