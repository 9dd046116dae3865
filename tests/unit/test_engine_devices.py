"""A device that was asked for is really used, or it is an error; ``auto`` says what it tried."""

from __future__ import annotations

import logging
from pathlib import Path

import onnxruntime
import pytest
import torch

from sr_runtime.engine.backends import onnx as backend
from sr_runtime.engine.backends.onnx_gpu import GpuMemory
from sr_runtime.engine.backends.providers import available_devices, provider_list
from sr_runtime.engine.bundle import load_bundle
from sr_runtime.engine.session import Engine
from sr_runtime.errors import ConfigError, DeviceError
from tests.small_model import small_bundle

HAS_CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_gpu_without_the_gpu_package_is_an_error_that_names_it(device: str) -> None:
    with pytest.raises(DeviceError, match=rf"--device {device}: .*pip install 'sr-runtime\[gpu\]'"):
        Engine("probe", device=device)


def pretend_to_have_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    offered = ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)


def test_a_provider_that_falls_back_silently_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # onnxruntime-gpu without a driver lists the provider and then runs on the CPU.
    monkeypatch.setattr(backend, "why_absent", lambda device: "")
    monkeypatch.setattr(backend, "GpuMemory", lambda: GpuMemory("cpu"))
    monkeypatch.setattr(backend, "provider_list", lambda *_: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match=r"fell back to CPUExecutionProvider for vision.*driver"):
        Engine("probe", device="cuda")


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_library_that_does_not_load_is_named(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # As in a real onnxruntime-gpu without CUDA: the provider is listed, its library cannot be loaded.
    pretend_to_have_cuda(monkeypatch)
    with pytest.raises(DeviceError, match=rf"--device {device}: .*onnxruntime_providers_.*pip install '"):
        Engine("probe", device=device)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_gpu_that_torch_does_not_see_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backend, "why_absent", lambda device: "")
    with pytest.raises(DeviceError, match=r"sees no CUDA device.*CUDA build of torch"):
        Engine("probe", device="cuda")


def test_cuda_graphs_are_for_graphs_that_run_wholly_on_the_gpu() -> None:
    memory = GpuMemory("cpu")
    ((name, options), *rest) = provider_list(small_bundle(), "head", "cuda", memory)
    assert (name, options["enable_cuda_graph"]) == ("CUDAExecutionProvider", "1")
    assert [name for name, _ in rest] == ["CPUExecutionProvider"]
    ((_, options), *_) = provider_list(small_bundle("int8"), "head", "cuda", memory)
    assert options["enable_cuda_graph"] == "0"


def test_tensorrt_keeps_its_engines_and_knows_every_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bundle = small_bundle()
    ((name, options), *rest) = provider_list(bundle, "transformer", "tensorrt", GpuMemory("cpu"))
    assert name == "TensorrtExecutionProvider"
    assert [name for name, _ in rest] == ["CUDAExecutionProvider", "CPUExecutionProvider"]
    assert options["trt_engine_cache_enable"] == "True"
    assert Path(options["trt_engine_cache_path"]).is_dir()
    for which, rows in (("min", 1), ("opt", 2), ("max", 512)):
        shapes = dict(item.split(":") for item in options[f"trt_profile_{which}_shapes"].split(","))
        for spec in bundle.manifest.graphs["transformer"].inputs:
            assert shapes[spec.name] == "x".join(map(str, (rows, *spec.shape[1:])))
    ((_, other), *_) = provider_list(small_bundle("int8"), "transformer", "tensorrt", GpuMemory("cpu"))
    assert other["trt_engine_cache_path"] != options["trt_engine_cache_path"]


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
def test_auto_falls_back_and_says_why_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger=backend.__name__):
        engine = Engine("probe", device="auto")
    assert engine.device == "cpu"
    (line,) = [record.getMessage() for record in caplog.records if record.name == backend.__name__]
    assert line.startswith("device auto: using cpu; not tensorrt: ")
    assert "not cuda: " in line


@pytest.mark.parametrize(
    ("device", "threads", "message"),
    [("gpu", 1, "device: expected one of cpu, cuda"), ("cpu", 0, "threads: expected 1–64, got 0")],
)
def test_wrong_settings_are_refused(device: str, threads: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Engine("probe", device=device, threads=threads)


def test_available_devices_say_what_to_install() -> None:
    devices = available_devices()
    assert devices["cpu"] == ""
    assert set(devices) == {"cpu", "cuda", "tensorrt"}


def test_an_engine_is_warm_after_warming_up() -> None:
    engine = Engine(load_bundle("probe"), threads=2)
    assert not engine.is_warm
    engine.warm_up(hops=3)
    assert engine.is_warm
    assert (engine.device, engine.threads) == ("cpu", 2)
