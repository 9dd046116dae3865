"""Run a bundle's graphs with onnxruntime, on the CPU or on a GPU that is proven to be used.

The engine opens one :class:`OnnxBackend`; each stage binds its buffers once, so that a hop copies nothing
that it need not. Settings follow measurements on small graphs at 30 hops/s: one intra-op thread
(default pools took 2–5 times as long), no spinning (beside a game, spinning missed every deadline) and
denormals as zero (silence made decoders 14 times slower). Thread: inference.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sr_runtime.engine.backends.onnx_gpu import GpuMemory
from sr_runtime.engine.backends.providers import (
    DEVICES,
    FALLBACK_ORDER,
    PROVIDERS,
    import_onnxruntime,
    provider_list,
    uses_cuda_graphs,
    why_absent,
)
from sr_runtime.engine.bundle import Bundle, GraphSpec, TensorSpec
from sr_runtime.errors import BundleError, ConfigError, DeviceError, MissingDependency

if TYPE_CHECKING:
    import onnxruntime

logger = logging.getLogger(__name__)

Buffers = Mapping[str, Any]
"""Name → numpy array, or tensor on the device."""

_ORT_TYPES: Final = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
}


class OnnxGraph:
    """One ONNX graph, loaded on one device.

    Args:
        session: The ``onnxruntime.InferenceSession``.
        spec: Its inputs and outputs as the manifest describes them.
        memory: Where its tensors lie on a GPU; None on the CPU.
        is_recorded: Whether a binding is recorded as a CUDA graph and replayed.

    Attributes:
        spec: As given.
        memory: As given.
    """

    def __init__(
        self,
        session: onnxruntime.InferenceSession,
        spec: GraphSpec,
        memory: GpuMemory | None,
        is_recorded: bool,
    ) -> None:
        self.spec = spec
        self.memory = memory
        self._is_recorded = is_recorded
        self._session = session
        self._output_names = [tensor.name for tensor in spec.outputs]
        self._bindings = 0

    def run(self, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run once and return fresh output arrays by name."""
        outputs = self._session.run(self._output_names, dict(feeds))
        return dict(zip(self._output_names, outputs, strict=True))

    def rows(self, specs: tuple[TensorSpec, ...], count: int) -> dict[str, np.ndarray]:
        """Return zeroed arrays of ``count`` rows for the host to fill or read."""
        make = np.zeros if self.memory is None else self.memory.host_zeros
        return {spec.name: make((count, *spec.shape[1:]), spec.dtype) for spec in specs}

    def resident_rows(self, specs: tuple[TensorSpec, ...], count: int) -> dict[str, Any]:
        """Return zeroed rows that graphs hand each other: tensors on a GPU, arrays on the CPU."""
        make: Callable[..., Any] = np.zeros if self.memory is None else self.memory.zeros
        return {spec.name: make((count, *spec.shape[1:]), spec.dtype) for spec in specs}

    def bind(self, inputs: Buffers, outputs: Buffers) -> Callable[[int, int], None]:
        """Return a function that runs the graph over some rows of fixed buffers.

        Args:
            inputs: Every graph input → C-contiguous rows, read at each call.
            outputs: Every graph output → C-contiguous rows, overwritten at each call; none is an input.

        Returns:
            ``run(start, stop)``: reads and writes rows start … stop − 1 of every buffer.

        Thread: the returned function belongs to the inference thread.
        """
        _check_buffers(self.spec.inputs, inputs)
        _check_buffers(self.spec.outputs, outputs)
        calls: dict[tuple[int, int], Callable[[], None]] = {}

        def run(start: int, stop: int) -> None:
            if (start, stop) not in calls:
                rows = slice(start, stop)
                calls[start, stop] = self._call(_rows(inputs, rows), _rows(outputs, rows))
            calls[start, stop]()

        return run

    def _call(self, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        if self.memory is None:
            return self._bound_call(inputs, outputs)
        self._bindings += 1
        graph_id = self._bindings if self._is_recorded else None
        return self.memory.bound_call(self._session, inputs, outputs, graph_id)

    def profiling_started_ns(self) -> int:
        """Return the time that the profile's times count from, on a clock that depends on the system."""
        return int(self._session.get_profiling_start_time_ns())

    def end_profiling(self) -> str:
        """Stop profiling and return the profile's path."""
        return str(self._session.end_profiling())

    def _bound_call(self, inputs: Buffers, outputs: Buffers) -> Callable[[], None]:
        import onnxruntime

        binding = self._session.io_binding()
        for name, array in inputs.items():
            binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        for name, array in outputs.items():
            binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
        keep = (dict(inputs), dict(outputs))  # The binding holds raw pointers into these arrays.

        def call(session: Any = self._session, _keep: Any = keep) -> None:
            session.run_with_iobinding(binding)

        return call


class OnnxBackend:
    """Opens a bundle's graphs on the device that was asked for.

    Attributes:
        device: What is really used: ``cpu``, ``cuda`` or ``tensorrt``.
        threads: Intra-op threads on the CPU.
    """

    def __init__(
        self, bundle: Bundle, device: str = "cpu", threads: int = 1, profile_to: Path | None = None
    ) -> None:
        """Load every graph of the bundle.

        Args:
            bundle: A loaded bundle.
            device: ``cpu``, ``cuda``, ``tensorrt``, or ``auto`` for the first that works.
            threads: Intra-op threads, 1–64; more than 1 helps only models above ~50 M parameters.
            profile_to: Folder for a profile of every graph; None: no profiling.

        Raises:
            DeviceError: The device was asked for and onnxruntime would not really use it.
            MissingDependency: onnxruntime is not installed.
            BundleError: A graph cannot be read or is not what the manifest says.
        """
        _check_settings(device, threads)
        self.threads = threads
        self._bundle = bundle
        self.device, self._memory, sessions = _open(bundle, device, threads, profile_to)
        self._graphs = {name: self._graph(name, session) for name, session in sessions.items()}
        if self.device != "cpu" and bundle.manifest.precision == "int8":
            logger.warning("int8 graphs run partly on the CPU; export --precision fp32 for %s", self.device)

    def graph(self, name: str) -> OnnxGraph:
        """Return a graph; the optional ``encoder`` is loaded when it is first asked for."""
        if name not in self._graphs:
            # On the CPU always: it is called rarely, with sound of any length, which no recorded graph fits.
            session = _open_graph(self._bundle, name, "cpu", self.threads, None)
            _check_signature(self._bundle, name, session)
            self._graphs[name] = OnnxGraph(session, self._bundle.manifest.graphs[name], None, False)
        return self._graphs[name]

    def _graph(self, name: str, session: Any) -> OnnxGraph:
        _check_signature(self._bundle, name, session)
        is_recorded = uses_cuda_graphs(self._bundle, self.device)
        return OnnxGraph(session, self._bundle.manifest.graphs[name], self._memory, is_recorded)


def _check_settings(device: str, threads: int) -> None:
    if device not in DEVICES:
        raise ConfigError(f"device: expected one of {', '.join(DEVICES)}, got {device!r}")
    if not 1 <= threads <= 64:
        raise ConfigError(f"threads: expected 1–64, got {threads}")


Opened = tuple[str, GpuMemory | None, dict[str, Any]]


def _open(bundle: Bundle, device: str, threads: int, profile_to: Path | None) -> Opened:
    if device != "auto":
        return _open_on(bundle, device, threads, profile_to)
    tried: list[str] = []
    for candidate in FALLBACK_ORDER:
        try:
            opened = _open_on(bundle, candidate, threads, profile_to)
        except (DeviceError, MissingDependency) as error:
            tried.append(f"{candidate}: {error}")
            continue
        logger.info("device auto: using %s%s", candidate, "".join(f"; not {why}" for why in tried))
        return opened
    raise DeviceError(f"device auto: nothing works: {'; '.join(tried)}")


def _open_on(bundle: Bundle, device: str, threads: int, profile_to: Path | None) -> Opened:
    why = why_absent(device)
    if why:
        raise DeviceError(f"--device {device}: {why}")
    memory = None if device == "cpu" else GpuMemory()
    sessions = {
        name: _open_graph(bundle, name, device, threads, memory, profile_to)
        for name in bundle.manifest.hop_graphs
    }
    return device, memory, sessions


def _open_graph(
    bundle: Bundle,
    name: str,
    device: str,
    threads: int,
    memory: GpuMemory | None,
    profile_to: Path | None = None,
) -> Any:
    onnxruntime = import_onnxruntime()
    options = _session_options(onnxruntime, threads)
    if profile_to is not None:
        options.enable_profiling, options.profile_file_prefix = True, str(profile_to / name)
    path, provider = bundle.graph_path(name), PROVIDERS[device]
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=provider_list(bundle, name, device, memory)
        )
    except Exception as error:  # onnxruntime raises many private types
        if device != "cpu":
            raise DeviceError(f"--device {device}: {name} does not start there: {error}") from error
        raise BundleError(f"{path} cannot be loaded: {error}; export the bundle again") from error
    if session.get_providers()[0] != provider:
        # onnxruntime only logs when a provider does not start, and runs on the CPU instead.
        raise DeviceError(
            f"--device {device}: onnxruntime fell back to {session.get_providers()[0]} for {name}; its "
            "libraries load, so the driver or the GPU is missing. Check with: nvidia-smi"
        )
    return session


def _session_options(onnxruntime: Any, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.add_session_config_entry("session.set_denormal_as_zero", "1")
    return options


def _check_signature(bundle: Bundle, name: str, session: Any) -> None:
    spec = bundle.manifest.graphs[name]
    for kind, declared, found in (
        ("input", spec.inputs, session.get_inputs()),
        ("output", spec.outputs, session.get_outputs()),
    ):
        wanted = {tensor.name: (tuple(tensor.shape), tensor.dtype) for tensor in declared}
        actual = {arg.name: (_shape(arg), _ORT_TYPES.get(arg.type, arg.type)) for arg in found}
        if wanted != actual:
            name_of = next(iter(dict(wanted.items() ^ actual.items())))
            raise BundleError(
                f"{spec.file}: {kind} '{name_of}': model.json says {wanted.get(name_of)}, the graph has "
                f"{actual.get(name_of)}; export the bundle again"
            )


def _shape(arg: Any) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) else -1 for size in arg.shape)


def _rows(buffers: Buffers, rows: slice) -> Buffers:
    return {name: array[rows] for name, array in buffers.items()}


def _check_buffers(specs: tuple[TensorSpec, ...], buffers: Buffers) -> None:
    for spec in specs:
        rows = buffers[spec.name]
        assert tuple(rows.shape[1:]) == spec.shape[1:], (spec, rows.shape)
        assert str(rows.dtype).removeprefix("torch.") == spec.dtype, (spec, rows.dtype)
        assert rows.flags.c_contiguous if isinstance(rows, np.ndarray) else rows.is_contiguous(), spec
