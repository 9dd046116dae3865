"""The benchmark for real, short, with the probe bundle: alone, beside a busy core, through the socket."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from sr_runtime.bench.history import read_runs
from sr_runtime.bench.hops import moving_pictures
from sr_runtime.cli.main import build_app
from sr_runtime.engine.session import Engine
from sr_runtime.figures import STAGES


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    (folder / "README.md").write_text("top\n<!-- bench:start -->\n<!-- bench:end -->\nbottom\n")
    arguments = ["bench", "--bundle", "probe", "--seconds", "2", "--output", "none"]
    arguments += ["--json", str(folder / "bench.json"), "--history", str(folder / "history.jsonl")]
    done = CliRunner().invoke(build_app(), [*arguments, "--readme", str(folder / "README.md")])
    assert done.exit_code == 0, done.output
    return folder


def test_each_part_has_the_documented_keys(measured):
    figures = json.loads((measured / "bench.json").read_text())
    for part in (figures, figures["busy"], figures["wire"]):
        assert set(part) >= {"hop_ms", "after_frame_ms", "stage_ms", "misses", "hops"}
        assert 0 < part["hop_ms"]["p50"] <= part["hop_ms"]["worst"]
        assert set(part["stage_ms"]) == {"vision", "transformer", "head", "decoder"}
    assert set(figures) >= {"device", "threads", "model", "commit"}
    assert set(figures["wire"]) >= {"underruns", "frame_to_sample_ms"}
    assert figures["hops"] == 60


def test_the_stages_add_up_to_the_hop():
    session = Engine("probe").open_session()
    pictures = moving_pictures(session.bundle.image.width, session.bundle.image.height)
    shares = []
    for picture in pictures:
        session.step(picture)
        stages = sum(getattr(session.timings, f"{stage}_ms") for stage in STAGES)
        shares.append(stages / session.timings.hop_ms)
    # The median over hops: a busy host may take the core away between two stages of one.
    assert 0.7 < np.median(shares) <= 1.001


def test_the_run_is_kept_and_the_readme_filled(measured):
    assert len(read_runs(measured / "history.jsonl")) == 1
    text = (measured / "README.md").read_text()
    assert "| alone |" in text and "| socket |" in text
    assert "Neither underruns nor `frame_to_sample_ms` were measured: no sound device was wanted." in text
