"""A bundle that is missing, damaged or of another version is refused in words that say what to do."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sr_runtime.engine.backends.onnx import OnnxBackend
from sr_runtime.engine.bundle import MANIFEST, SHIPPED_BUNDLES, load_bundle, shipped_bundles
from sr_runtime.errors import BundleError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED_BUNDLES / "probe", tmp_path / "bundle"))


def edit(folder: Path, **changes: Any) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, **changes}))


def test_shipped_bundles_are_found_by_name() -> None:
    assert "probe" in shipped_bundles()
    bundle = load_bundle("probe")
    assert bundle.name == "probe"
    assert (bundle.image.width, bundle.image.height) == (32, 32)
    assert 0 < bundle.size_bytes < 100_000


def test_a_folder_without_a_manifest_names_the_shipped_bundles(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no model bundle at .*probe.*sr-runtime export"):
        load_bundle(tmp_path)


def test_a_damaged_graph_is_refused(folder: Path) -> None:
    data = bytearray((folder / "decoder.onnx").read_bytes())
    data[5000] ^= 1
    (folder / "decoder.onnx").write_bytes(data)
    with pytest.raises(BundleError, match=r"decoder\.onnx is damaged: sha256"):
        load_bundle(folder)


def test_a_bundle_that_steers_has_to_remember_what_was_told(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    edit(folder, graphs={**manifest["graphs"], "steering": manifest["graphs"]["head"]})
    with pytest.raises(BundleError, match=r"state lacks \['panning'\]"):
        load_bundle(folder)


def test_a_missing_graph_is_refused(folder: Path) -> None:
    (folder / "head.onnx").unlink()
    with pytest.raises(BundleError, match=r"head\.onnx is named in model\.json but missing"):
        load_bundle(folder)


def test_damaged_constants_are_refused(folder: Path) -> None:
    (folder / "constants.npz").write_bytes(b"not a zip file")
    with pytest.raises(BundleError, match=r"constants\.npz is damaged"):
        load_bundle(folder)


def test_another_format_version_is_refused_with_both_numbers(folder: Path) -> None:
    edit(folder, format_version=1)
    with pytest.raises(BundleError, match="format_version: this runtime reads 2, the bundle is 1"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "other"}, "format: expected 'soundreactor-bundle', got 'other'"),
        ({"image": {"width": 0, "height": 32}}, r"Expected `int` >= 1 - at `\$\.image\.width`"),
        ({"surprise": 1}, "unknown field `surprise`"),
        ({"precision": "int3"}, r"precision"),
        ({"graphs": {}}, r"graphs\.vision is missing"),
        ({"audio": {"sample_rate": 44100}}, "audio: this runtime plays .*48000.*44100"),
        ({"state": []}, "state lacks"),
    ],
)
def test_a_wrong_manifest_names_what_is_wrong(folder: Path, changes: dict[str, Any], message: str) -> None:
    edit(folder, **changes)
    with pytest.raises(BundleError, match=message):
        load_bundle(folder)


def test_a_manifest_that_is_not_json_is_refused(folder: Path) -> None:
    (folder / MANIFEST).write_text("{")
    with pytest.raises(BundleError, match="not readable JSON"):
        load_bundle(folder)


def test_a_graph_that_is_not_what_the_manifest_says_is_refused(folder: Path) -> None:
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["graphs"]["head"]["inputs"][0]["shape"] = [1, 65]
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match=r"input 'x_t': model\.json says \(\(1, 65\), 'float32'\)"):
        OnnxBackend(load_bundle(folder))
