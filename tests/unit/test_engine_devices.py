"""A device that was asked for is really used, or it is an error; ``auto`` says what it tried."""

from __future__ import annotations

import logging

import onnxruntime
import pytest

from sr_runtime.engine.backends import onnx as backend
from sr_runtime.engine.bundle import load_bundle
from sr_runtime.engine.session import Engine
from sr_runtime.errors import ConfigError, DeviceError

HAS_CUDA = "CUDAExecutionProvider" in onnxruntime.get_available_providers()


@pytest.mark.skipif(HAS_CUDA, reason="this onnxruntime has CUDA")
@pytest.mark.parametrize("device", ["cuda", "tensorrt"])
def test_a_gpu_without_the_gpu_package_is_an_error_that_names_it(device: str) -> None:
    with pytest.raises(DeviceError, match=rf"--device {device}: .*pip install 'sr-runtime\[gpu\]'"):
        Engine("probe", device=device)


def test_a_provider_that_falls_back_silently_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    # onnxruntime-gpu without CUDA libraries lists the provider and then runs on the CPU.
    offered = ["CUDAExecutionProvider", "CPUExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: offered)
    monkeypatch.setattr(backend, "_provider_list", lambda device: ["CPUExecutionProvider"])
    with pytest.raises(DeviceError, match="fell back to CPUExecutionProvider for vision"):
        Engine("probe", device="cuda")


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
    devices = backend.available_devices()
    assert devices["cpu"] == ""
    assert set(devices) == {"cpu", "cuda", "tensorrt"}


def test_an_engine_is_warm_after_warming_up() -> None:
    engine = Engine(load_bundle("probe"), threads=2)
    assert not engine.is_warm
    engine.warm_up(hops=3)
    assert engine.is_warm
    assert (engine.device, engine.threads) == ("cpu", 2)
