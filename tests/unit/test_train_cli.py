from __future__ import annotations

import pytest
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.cli.train import network_folder
from sr_runtime.errors import ConfigError, TrainingError


def run(*words: str):
    return CliRunner().invoke(build_app(), ["train", *words])


def test_help_names_the_stages_in_order():
    text = run("--help").output
    assert text.index("vae") < text.index("stage1") < text.index("stage2")


def test_run_without_a_length_is_refused(tmp_path):
    result = run("vae", "--preset", "paper", "--data", str(tmp_path), "--out", str(tmp_path / "run"))
    assert isinstance(result.exception, ConfigError)


def test_unknown_preset_lists_the_known_ones(tmp_path):
    result = run(
        "vae", "--data", str(tmp_path), "--out", str(tmp_path / "r"), "--steps", "1", "--preset", "big"
    )
    assert isinstance(result.exception, ConfigError)
    assert "mini" in str(result.exception)


def test_empty_store_is_named(tmp_path):
    result = run("vae", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--steps", "1")
    assert isinstance(result.exception, TrainingError)
    assert "record" in str(result.exception)


@pytest.mark.parametrize("stage", ["stage1", "stage2"])
def test_stage_needs_the_autoencoder(stage, tmp_path):
    result = run(stage, "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--steps", "1")
    assert result.exit_code == 2


def test_run_folder_and_network_folder_both_name_a_network(tmp_path):
    (tmp_path / "network").mkdir()
    assert network_folder(tmp_path) == tmp_path / "network"
    assert network_folder(tmp_path / "network") == tmp_path / "network"
    assert network_folder(None) is None
