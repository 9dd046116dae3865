"""Sound-replacing PWADs: every sound a click, or only one class of sounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sr_runtime.data.groundtruth import Fingerprint, ReplayDiffers, _click_times
from sr_runtime.data.pwad import STEMS, stem_of, write_click_wad, write_stem_wad
from sr_runtime.data.wad import Wad
from tests.unit.doom_files import sound_lump, write_wad
from tests.unit.test_data_alignment import numbered_tics


@pytest.fixture
def game(tmp_path: Path) -> Path:
    loud = bytes(range(256)) * 40
    names = ("DSPISTOL", "DSDOROPN", "DSPOSIT1", "DSSTNMOV")
    return write_wad(tmp_path / "game.wad", [("MAP01", b""), *((n, sound_lump(11025, loud)) for n in names)])


def sounds(path: Path) -> dict[str, np.ndarray]:
    wad = Wad(path)
    return {lump.name: np.frombuffer(wad.read(lump)[8:], np.uint8) for lump in wad.lumps}


def test_every_sound_becomes_one_click_of_the_same_length(game: Path, tmp_path: Path):
    write_click_wad(game, tmp_path / "clicks.wad")
    clicks = sounds(tmp_path / "clicks.wad")
    assert set(clicks) == {"DSPISTOL", "DSDOROPN", "DSPOSIT1", "DSSTNMOV"}
    for name, samples in clicks.items():
        assert (samples == 255).sum() == 17, name  # 1.5 ms of 11025 Hz
        assert (np.flatnonzero(samples == 255) == 16 + np.arange(17)).all()
    assert len(clicks["DSPISTOL"]) == 256 * 40


def test_a_looped_sound_clicks_at_its_start_only(game: Path, tmp_path: Path):
    write_click_wad(game, tmp_path / "clicks.wad")
    assert len(sounds(tmp_path / "clicks.wad")["DSSTNMOV"]) == 30 * 11025


def test_a_stem_silences_all_other_classes(game: Path, tmp_path: Path):
    write_stem_wad(game, tmp_path / "weapon.wad", "weapon")
    silenced = sounds(tmp_path / "weapon.wad")
    assert "DSPISTOL" not in silenced
    assert set(silenced) == {"DSDOROPN", "DSPOSIT1", "DSSTNMOV"}
    assert all((samples == 128).all() and len(samples) == 256 * 40 for samples in silenced.values())


def test_every_sound_belongs_to_one_class():
    assert stem_of("DSPISTOL") == "weapon"
    assert stem_of("DSITEMUP") == "pickup"
    assert stem_of("DSANYTHING") == "monster"
    assert {"weapon", "impact", "door", "pickup", "player", "monster"} == set(STEMS)


def test_clicks_are_timed_within_their_tic_and_counted_once():
    quiet = np.zeros((1260, 2), np.int16)
    click, carried = quiet.copy(), quiet.copy()
    click[75:140] = 15000
    carried[1240:] = -15000
    tail = quiet.copy()
    tail[:40] = -15000
    times = _click_times([quiet, click, quiet, carried, tail, click])
    expected = [1 / 35 + 75 / 44100, 3 / 35 + 1240 / 44100, 5 / 35 + 75 / 44100]
    assert np.allclose(times, expected)


def test_clicks_too_weak_to_be_heard_do_not_count():
    faint = np.full((1260, 2), 400, np.int16)
    assert len(_click_times([faint])) == 0


def test_a_replay_of_another_game_is_an_error():
    fingerprint = Fingerprint()
    list(fingerprint.record(iter(numbered_tics(20))))
    assert len(list(fingerprint.verify(iter(numbered_tics(20, click_at=4)), "clicks"))) == 20
    other = numbered_tics(20)
    other[12].frame[0, 0, 0] += 1
    with pytest.raises(ReplayDiffers, match="tic 12"):
        list(fingerprint.verify(iter(other), "clicks"))
