"""onnxruntime's execution providers: which are there, what they are asked for, and why one does not start.

Called by the ONNX backend and by ``doctor``. Thread: any.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import platformdirs

from sr_runtime.engine.bundle import Bundle, GraphSpec
from sr_runtime.errors import MissingDependency

if TYPE_CHECKING:
    from sr_runtime.engine.backends.onnx_gpu import GpuMemory

DEVICES: Final = ("cpu", "cuda", "tensorrt", "auto")
FALLBACK_ORDER: Final = ("tensorrt", "cuda", "cpu")
PROVIDERS: Final = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}

MOST_ROWS: Final = 512
"""TensorRT builds its engines for 1 to so many rows: 128 sessions with four evaluations."""

Provider = tuple[str, dict[str, str]]


def import_onnxruntime() -> Any:
    """Return the module.

    Raises:
        MissingDependency: It is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependency(
            "onnxruntime is not installed; install one of: pip install 'sr-runtime[cpu]' or "
            "pip install 'sr-runtime[gpu]' (never both)"
        ) from error
    return onnxruntime


def available_devices() -> dict[str, str]:
    """Return device → ``""`` if onnxruntime offers it, else why not and what to install."""
    return {device: why_absent(device) for device in PROVIDERS}


def why_absent(device: str) -> str:
    """Return why onnxruntime cannot run on a device, and what to install; ``""`` if it can."""
    offered = import_onnxruntime().get_available_providers()
    if PROVIDERS[device] not in offered:
        return (
            f"this onnxruntime has no {PROVIDERS[device]} (it has {', '.join(offered)}); install it with: "
            "pip uninstall -y onnxruntime && pip install 'sr-runtime[gpu]'"
        )
    return "" if device == "cpu" else _why_not_loaded(device)


def _why_not_loaded(device: str) -> str:
    """Load the provider's library as onnxruntime will, which names the first library that it lacks.

    onnxruntime itself writes that to its log only, and goes on with the CPU.
    """
    onnxruntime = import_onnxruntime()
    if hasattr(onnxruntime, "preload_dlls"):  # 1.21 and later: finds CUDA where torch and pip keep it.
        with contextlib.redirect_stdout(io.StringIO()):  # It prints what it does not find.
            onnxruntime.preload_dlls()
    folder = Path(onnxruntime.__file__).parent / "capi"
    try:
        for name in ("shared", device):
            path = folder / _library(f"onnxruntime_providers_{name}")
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        package = "tensorrt" if device == "tensorrt" and "nv" in str(error) else "onnxruntime-gpu[cuda,cudnn]"
        return (
            f"onnxruntime {onnxruntime.__version__} cannot load what it needs there: {error}; install "
            f"it with: pip install '{package}'"
        )
    return ""


def _library(name: str) -> str:
    return f"{name}.dll" if sys.platform == "win32" else f"lib{name}.so"


def provider_list(bundle: Bundle, graph: str, device: str, memory: GpuMemory | None) -> list[Provider]:
    """Return the providers to open a graph with, the wanted one first.

    Args:
        bundle: Its precision says whether a graph runs wholly on the GPU.
        graph: Which graph.
        device: ``cpu``, ``cuda`` or ``tensorrt``.
        memory: Where the graph's tensors lie, and the stream that it shall run in; None on the CPU.
    """
    cpu: Provider = (PROVIDERS["cpu"], {})
    if memory is None:
        return [cpu]
    if device == "tensorrt":
        tensorrt = (PROVIDERS["tensorrt"], _tensorrt_options(bundle, bundle.manifest.graphs[graph], memory))
        return [tensorrt, (PROVIDERS["cuda"], _cuda_options(memory, with_graphs=False)), cpu]
    return [(PROVIDERS["cuda"], _cuda_options(memory, uses_cuda_graphs(bundle, device))), cpu]


def uses_cuda_graphs(bundle: Bundle, device: str) -> bool:
    """Tell whether graphs are recorded once and replayed: if every operator runs on the GPU.

    int8 products leave part of a graph to the CPU, and TensorRT fuses operators instead.
    """
    return device == "cuda" and bundle.manifest.precision == "fp32"


def _cuda_options(memory: GpuMemory, with_graphs: bool) -> dict[str, str]:
    return {
        "device_id": str(memory.index),
        "user_compute_stream": str(memory.stream_address),
        "enable_cuda_graph": "1" if with_graphs else "0",
        "use_tf32": "0",
    }


def _tensorrt_options(bundle: Bundle, spec: GraphSpec, memory: GpuMemory) -> dict[str, str]:
    """Return options that keep built engines, which take a minute to build, and fit every number of rows."""
    cache = str(tensorrt_cache(bundle))

    def profile(rows: int) -> str:
        shapes = (f"{t.name}:{'x'.join(str(size) for size in (rows, *t.shape[1:]))}" for t in spec.inputs)
        return ",".join(shapes)

    return {
        "device_id": str(memory.index),
        "user_compute_stream": str(memory.stream_address),
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": cache,
        "trt_timing_cache_enable": "True",
        "trt_timing_cache_path": cache,
        "trt_profile_min_shapes": profile(1),
        "trt_profile_opt_shapes": profile(2),
        "trt_profile_max_shapes": profile(MOST_ROWS),
    }


def tensorrt_cache(bundle: Bundle) -> Path:
    """Return the folder for a bundle's TensorRT engines, made if need be; another bundle has another."""
    checksums = "".join(bundle.manifest.graphs[name].sha256 for name in sorted(bundle.manifest.graphs))
    digest = hashlib.sha256(checksums.encode()).hexdigest()[:16]
    folder = Path(platformdirs.user_cache_dir("sr-runtime", appauthor=False)) / "tensorrt" / digest
    folder.mkdir(parents=True, exist_ok=True)
    return folder
