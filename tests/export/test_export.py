"""An exported bundle computes what torch computes, says by how much it differs, and is whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.engine.bundle import MANIFEST, load_bundle
from sr_runtime.engine.session import Engine
from sr_runtime.errors import BundleError, ConfigError
from sr_runtime.export import trained
from sr_runtime.export.facts import ExportOptions
from sr_runtime.export.parity import check
from sr_runtime.export.source import Networks, load_networks, network_folder
from sr_runtime.export.trained import export_bundle
from sr_runtime.export.weight_storage import halved, stored_as_int8
from sr_runtime.model.checkpoint import grid_key, load_generator, save_network
from tests.small_model import CONFIG, WINDOW, moving_pictures, small_bundle, small_networks


def test_fp32_graphs_are_torch_within_rounding() -> None:
    parity = small_bundle("fp32").manifest.parity
    graphs = {"vision", "transformer", "condition", "head", "steering", "decoder", "encoder"}
    assert set(parity) == {*graphs, "streaming"}
    assert all(errors["fp32"] < 2e-5 for name, errors in parity.items() if name != "encoder"), parity


def test_int8_error_is_measured_and_stated() -> None:
    bundle = small_bundle("int8")
    errors = {name: both["int8"] for name, both in bundle.manifest.parity.items() if name != "streaming"}
    assert all(1e-5 < error < 0.2 for error in errors.values()), errors
    card = (bundle.path / "MODEL_CARD.md").read_text()
    assert f"| decoder.int8 | {errors['decoder']:.2g} |" in card


def test_int8_weights_are_int8_and_files_are_smaller() -> None:
    int8, fp32 = small_bundle("int8"), small_bundle("fp32")
    model = onnx.load(str(int8.graph_path("transformer")))
    operators = {node.op_type for node in model.graph.node}
    assert "MatMulInteger" in operators
    assert int8.size_bytes < 0.75 * fp32.size_bytes


def test_int8_sound_stays_close_to_fp32_sound_over_the_first_hops() -> None:
    pictures = moving_pictures(4)
    sounds = []
    for precision in ("fp32", "int8"):
        session = Engine(small_bundle(precision)).open_session(seed=1)  # type: ignore[arg-type]
        sounds.append(np.concatenate([session.step(picture) for picture in pictures]))
    error = np.abs(sounds[0] - sounds[1]).max() / np.abs(sounds[0]).max()
    assert 0 < error < 0.3, f"int8 differs by {error}"


def test_manifest_describes_the_network() -> None:
    manifest = small_bundle("fp32").manifest
    assert (manifest.image.width, manifest.image.height) == (64, 48)
    assert manifest.transformer.window == WINDOW
    assert manifest.frame_alignment == "end_of_hop"
    assert manifest.sampling.sampler == "consistency"
    assert manifest.parameters == sum(
        parameter.numel()
        for part in (small_networks().backbone, small_networks().generator, small_networks().vae)
        for parameter in part.parameters()
    )


def test_graphs_carry_no_traces_of_the_machine_that_built_them() -> None:
    here = str(Path(trained.__file__).parent).encode()
    for file in small_bundle("int8").path.iterdir():
        data = file.read_bytes()
        assert here not in data
        assert b"site-packages" not in data


def test_graphs_use_standard_operators_and_a_moderate_opset() -> None:
    for spec in small_bundle("fp32").manifest.graphs.values():
        model = onnx.load(str(small_bundle("fp32").path / spec.file))
        assert {opset.domain: opset.version for opset in model.opset_import} == {"": 20}


def test_half_precision_storage_is_undone_at_loading() -> None:
    model = onnx.load(str(small_bundle("fp32").graph_path("vision")))
    before = model.ByteSize()
    small = halved(model)
    assert small.ByteSize() < 0.8 * before
    onnx.checker.check_model(small)
    kinds = {tensor.data_type for tensor in small.graph.initializer if np.prod(tensor.dims) >= 1024}
    assert onnx.TensorProto.FLOAT not in kinds


def test_weights_stored_as_int8_are_right_to_half_a_step() -> None:
    model = onnx.load(str(small_bundle("fp32").graph_path("head")))
    exact = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    small = {
        tensor.name: numpy_helper.to_array(tensor) for tensor in stored_as_int8(model, 256).graph.initializer
    }
    names = [name.removesuffix("_int8") for name in small if name.endswith("_int8")]
    assert len(names) >= 8
    for name in names:
        steps, scale = small[f"{name}_int8"], small[f"{name}_scale"]
        assert steps.dtype == np.int8
        assert (np.abs(steps * scale - exact[name]) <= scale * 0.501).all()


def test_a_graph_that_differs_from_torch_is_not_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trained, "relative_error", lambda graph, model: 3e-3)
    monkeypatch.setattr(trained, "to_onnx", lambda graph: onnx.ModelProto())
    with pytest.raises(BundleError, match=r"'vision' \(fp32\) differs from torch by 0\.003"):
        export_bundle(small_networks(), tmp_path / "out", ExportOptions("broken"))
    assert list(tmp_path.iterdir()) == []


def test_an_error_that_is_not_a_number_is_refused() -> None:
    with pytest.raises(BundleError, match="differs from torch by nan"):
        check("head", "int8", float("nan"))


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, Path]:
    """Two folders as training leaves them: a run with a network folder each."""
    networks = small_networks()
    vae, generator = tmp_path / "vae", tmp_path / "stage"
    save_network(vae / "network", networks.vae, CONFIG, {"stage": "vae", "hours": 1.5})
    save_network(generator / "network", networks.generator, CONFIG, {"stage": "stage1", "steps": 7})
    return vae, generator


@pytest.fixture
def steering(tmp_path: Path, runs: tuple[Path, Path]) -> Path:
    """A folder as `train steering` leaves it, for that generator."""
    networks = small_networks()
    assert networks.steering is not None
    facts = {"stage": "steering", "grids": grid_key(load_generator(runs[1] / "network"))}
    save_network(tmp_path / "steering" / "network", networks.steering.panning, CONFIG, facts)
    return tmp_path / "steering"


def with_real_backbone_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without the published weights, which a test of the way needs not."""
    from sr_runtime.export import source

    backbone = small_networks().backbone
    monkeypatch.setattr(source, "build_backbone", lambda *arguments, **options: backbone)


def test_networks_of_a_stage_1_run_sample_with_heun(
    runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with_real_backbone_replaced(monkeypatch)
    networks = load_networks(*runs)
    assert networks.sampler == "heun"
    assert networks.training["vae"] == {"stage": "vae", "hours": 1.5}
    latent = torch.randn(1, 64, 2)
    torch.testing.assert_close(
        networks.vae.denormalise(latent), small_networks().vae.denormalise(latent), rtol=0, atol=0
    )


def test_latents_of_another_auto_encoder_are_a_warning(
    runs: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with_real_backbone_replaced(monkeypatch)
    networks = small_networks()
    save_network(runs[1] / "network", networks.generator, CONFIG, {"stage": "stage2", "vae": "0123456789ab"})
    assert load_networks(*runs).sampler == "consistency"
    assert "trained on latents of auto-encoder 0123456789ab" in caplog.text


def test_the_network_folder_itself_may_be_named(runs: tuple[Path, Path]) -> None:
    assert network_folder(runs[0]) == network_folder(runs[0] / "network")


def test_a_folder_without_a_network_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no network there .*sr-runtime train"):
        network_folder(tmp_path)


def quick_export(networks: Networks, folder: Path, options: ExportOptions, report: object = None) -> object:
    """Stand in for the slow part: copy a bundle that is there and take over name and sampler."""
    shutil.copytree(small_bundle("int8").path, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["name"], manifest["training"] = options.name, networks.training
    manifest["sampling"]["sampler"] = options.sampler or networks.sampler
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return load_bundle(folder).manifest


def test_the_command_line_exports_run_folders(
    runs: tuple[Path, Path], steering: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_real_backbone_replaced(monkeypatch)
    monkeypatch.setattr(trained, "export_bundle", quick_export)
    arguments = [
        "export",
        "--vae",
        str(runs[0]),
        "--generator",
        str(runs[1]),
        "--steering",
        str(steering),
        "--out",
        str(tmp_path / "doom"),
    ]
    result = CliRunner().invoke(build_app(), arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "sampler heun" in result.output.replace("\n", " ")
    manifest = load_bundle(tmp_path / "doom").manifest
    assert manifest.training["steering"]["stage"] == "steering"
    assert "steering" in manifest.hop_graphs
    assert Engine(tmp_path / "doom").open_session(nfe=3).step(moving_pictures(1)[0]).shape == (1600, 2)


def test_a_map_and_random_weights_are_refused(tmp_path: Path) -> None:
    arguments = ["export", "--random-weights", "--steering", str(tmp_path), "--out", str(tmp_path / "out")]
    with pytest.raises(ConfigError, match="leave it out with --random-weights"):
        CliRunner().invoke(build_app(), arguments, catch_exceptions=False)


def test_the_command_line_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--vae RUN and --generator RUN"):
        CliRunner().invoke(build_app(), ["export", "--out", str(tmp_path)], catch_exceptions=False)
