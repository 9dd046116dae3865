"""Record the real OpenArena: bots play, the demo is kept, sound starts in the picture of its cause."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.data.openarena import find_programs
from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.data.validate import validate_store
from sr_runtime.errors import MissingDependency
from tests.conftest import missing

pytestmark = [pytest.mark.openarena, pytest.mark.timeout(1800)]

SECONDS = 20


@pytest.fixture(scope="module", autouse=True)
def game() -> None:
    try:
        find_programs()
    except MissingDependency:
        missing("OpenArena", "apt-get install --no-install-recommends openarena xvfb")


def record(store: Path, *options: str) -> None:
    command = ["record", "openarena", "--out", str(store), "--split", "train", *options]
    result = CliRunner().invoke(build_app(), command)
    assert result.exit_code == 0, f"{result.output} {result.exception}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    folder = tmp_path_factory.mktemp("openarena") / "store"
    record(folder, "--minutes", str(SECONDS / 60), "--map", "oa_dm1")
    return ClipStore(folder)


@pytest.fixture(scope="module")
def clip(store: ClipStore) -> Clip:
    (clip,) = store.clips("train")
    return clip


def own_shots(clip: Clip) -> list[int]:
    return [int(event.time_s * 30) for event in clip.events if event.kind == "shot" and event.value == 1.0]


def test_a_clip_has_pictures_sound_and_events(clip: Clip):
    assert (clip.meta.source, clip.meta.map, clip.hops) == ("openarena", "oa_dm1", SECONDS * 30)
    frames, sound = clip.frames(), clip.audio()
    assert frames.shape == (SECONDS * 30, 224, 224, 3)
    assert sound.shape == (SECONDS * 48000, 2)
    assert frames.std() > 10
    assert (np.diff(frames[:, ::8, ::8].astype(int), axis=0) != 0).any(axis=(1, 2, 3)).mean() > 0.9
    assert sound.std() > 100
    assert np.abs(sound[:, 0].astype(int) - sound[:, 1]).max() > 500  # it is stereo
    assert {"step", "shot"} <= {event.kind for event in clip.events}
    assert max(event.time_s for event in clip.events) < SECONDS


def test_sound_rises_where_the_players_own_shots_begin(clip: Clip):
    """Measured on 118 shots: 0.0 ms after the hop's start, 7.7 deviations above other lags."""
    shots = own_shots(clip)
    if len(shots) < 5:
        pytest.fail(f"only {len(shots)} shots in {SECONDS} s: record again, or with another seed")
    power = (clip.audio().astype(float).reshape(-1, 80, 2) ** 2).mean(axis=(1, 2))
    level = np.log10(power + 10.0)
    rises = np.maximum(np.diff(level, prepend=level[:1]), 0.0)
    score = [np.mean([rises[20 * k + lag] for k in shots if 5 < k < clip.hops - 5]) for lag in range(-80, 81)]
    assert abs(int(np.argmax(score)) - 80) * 80 / 48 <= 34.0  # ms; other guns fire, too
    assert score[80] > 1.5 * np.median(score)


def test_sound_is_not_away_from_its_picture(store: ClipStore):
    report = validate_store(store)
    assert not report.rejected, report.rejected[0].reasons


def test_finished_clips_are_skipped_and_lost_ones_are_made_again_from_the_demo(store: ClipStore, clip: Clip):
    frames, shots = clip.frames(), own_shots(clip)
    (demo,) = (store.root / "demos").iterdir()
    played = demo.stat().st_mtime_ns
    written = (clip.path / "clip.json").stat().st_mtime_ns
    record(store.root, "--minutes", str(SECONDS / 60), "--map", "oa_dm1")
    assert (clip.path / "clip.json").stat().st_mtime_ns == written
    (clip.path / "clip.json").unlink()
    record(store.root, "--minutes", str(SECONDS / 60), "--map", "oa_dm1")
    assert demo.stat().st_mtime_ns == played
    again = store.clip(clip.clip_id)
    assert own_shots(again) == shots
    # Sparks differ by chance: 1.7 was measured, and 20 between pictures that do not belong together.
    assert np.abs(again.frames().astype(int) - frames).mean() < 5.0
