"""The demo for real, short: ViZDoom, a runtime process, its socket, and two movies."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.errors import SessionError
from sr_runtime.live.runtime import RuntimeProcess
from sr_runtime.video.read import VideoReader
from tests.conftest import missing

SECONDS = 3

DOCUMENTED_KEYS = {
    *("hop_ms", "after_frame_ms", "stage_ms", "misses", "hops", "underruns", "frame_to_sample_ms"),
    *("device", "threads", "model", "commit", "onset_f1", "loudness_corr"),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory) -> Path:
    """Run the verb once and return its folder."""
    if importlib.util.find_spec("vizdoom") is None:
        missing("ViZDoom", "pip install 'sr-runtime[games]'")
    folder = tmp_path_factory.mktemp("demo")
    done = CliRunner().invoke(
        build_app(),
        [
            *("demo", "--bundle", "probe", "--sound-device", "none", "--seconds", str(SECONDS)),
            *("--output", str(folder / "demo.mp4"), "--reference", str(folder / "true.mp4")),
            *("--json", str(folder / "demo.json")),
        ],
    )
    assert done.exit_code == 0, done.output
    assert "onset F1" in done.output
    return folder


def sound_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)


def test_the_movie_shows_frame_k_when_its_hop_ends(played):
    with VideoReader(played / "demo.mp4") as reader:
        assert reader.info.codec == "h264"
        times = [picture.time_s for picture in reader.pictures()]
    assert times == pytest.approx([(k + 1) / 30 for k in range(SECONDS * 30)], abs=1e-3)


def test_both_movies_have_their_whole_sound(played):
    for name in ("demo.mp4", "true.mp4"):
        sound = sound_of(played / name)
        assert sound.shape[1] == pytest.approx(SECONDS * 48000, abs=2048)
        assert np.isfinite(sound).all()
        assert float(np.abs(sound).max()) > 0.01


def test_the_generated_sound_is_not_the_true_one(played):
    generated, true = sound_of(played / "demo.mp4"), sound_of(played / "true.mp4")
    count = min(generated.shape[1], true.shape[1])
    assert not np.allclose(generated[:, :count], true[:, :count], atol=0.01)


def test_the_figures_have_the_documented_keys(played):
    figures = json.loads((played / "demo.json").read_text())
    assert set(figures) >= DOCUMENTED_KEYS
    assert figures["model"] == "probe"
    assert figures["frames"] == SECONDS * 30
    assert figures["hops"] >= SECONDS * 20
    assert 0 < figures["hop_ms"]["p50"] <= figures["hop_ms"]["p99"] <= figures["hop_ms"]["worst"]


def test_nothing_but_the_outputs_is_left(played):
    assert sorted(path.name for path in played.iterdir()) == ["demo.json", "demo.mp4", "true.mp4"]


def test_a_runtime_that_cannot_start_says_why():
    with pytest.raises(SessionError, match="no model bundle"), RuntimeProcess(["--bundle", "nonsense"]):
        pass


def test_a_runtime_process_ends_with_its_block():
    with RuntimeProcess(["--bundle", "probe", "--output", "none"]) as runtime:
        process = runtime._process
        assert runtime.connection_file.exists()
    assert process is not None and process.poll() is not None
    assert not runtime.connection_file.exists()
