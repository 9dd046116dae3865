"""Memory beside the graphs: what onnxruntime reads and writes on a GPU stays there, and is bound once.

    host, pinned    inputs ──┐                          ┌──► outputs
    device            twin of an input ─► [ graph ] ─► twin of an output
                      resident: rings, new keys and values, modulations; never copied

All of it, copies and graphs, runs in one stream in the order it is asked for; only outputs that the host
reads are waited for. Torch allocates and copies; it does not compute. Called by the ONNX backend and the
transformer stage. Thread: inference.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from sr_runtime.errors import DeviceError, MissingDependency

if TYPE_CHECKING:
    import torch


class GpuMemory:
    """A device's memory and the stream that everything runs in.

    Args:
        place: A torch device; ``cpu`` computes the same without a GPU, for tests.

    Raises:
        MissingDependency: torch is not installed.
        DeviceError: torch sees no such device.

    Attributes:
        index: The device's number.
        stream_address: The CUDA stream as onnxruntime wants to be told; 0 on the CPU.
    """

    def __init__(self, place: str = "cuda") -> None:
        torch = _import_torch()
        self._torch = torch
        if place != "cpu" and not torch.cuda.is_available():
            raise DeviceError(
                f"torch {torch.__version__} sees no CUDA device, and onnxruntime's memory there is allocated "
                "with it; install a CUDA build of torch and the driver. Check with: sr-runtime doctor"
            )
        self.index = 0
        self._device = torch.device(place, self.index) if place != "cpu" else torch.device("cpu")
        self._stream = torch.cuda.Stream(self._device) if place != "cpu" else None
        self.stream_address: int = self._stream.cuda_stream if self._stream is not None else 0

    def host_zeros(self, shape: tuple[int, ...], dtype: str) -> np.ndarray:
        """Return an array on the host that the device copies from and to without a detour."""
        array: np.ndarray = self._zeros(shape, dtype, "cpu", is_pinned=self._stream is not None).numpy()
        return array

    def zeros(self, shape: tuple[int, ...], dtype: str) -> torch.Tensor:
        """Return a tensor on the device."""
        with self.in_stream():
            return self._zeros(shape, dtype, self._device, is_pinned=False)

    def _zeros(self, shape: tuple[int, ...], dtype: str, place: Any, is_pinned: bool) -> torch.Tensor:
        tensor: torch.Tensor = self._torch.zeros(
            shape, dtype=getattr(self._torch, dtype), device=place, pin_memory=is_pinned
        )
        return tensor

    def in_stream(self) -> contextlib.AbstractContextManager[Any]:
        """Return a context in which torch works in the stream."""
        return contextlib.nullcontext() if self._stream is None else self._torch.cuda.stream(self._stream)

    def wait(self) -> None:
        """Wait until everything asked for is done."""
        if self._stream is not None:
            self._stream.synchronize()

    def indices(self, values: list[int]) -> torch.Tensor:
        """Return whole numbers on the device."""
        found: torch.Tensor = self._torch.tensor(values).to(self._device, non_blocking=True)
        return found

    def tensor(self, array: np.ndarray) -> torch.Tensor:
        """Return a host array as a tensor over the same memory."""
        tensor: torch.Tensor = self._torch.from_numpy(array)
        return tensor

    def bound_call(
        self, session: Any, inputs: Mapping[str, Any], outputs: Mapping[str, Any], graph_id: int | None
    ) -> Callable[[], None]:
        """Return a call of a session over fixed memory.

        Args:
            session: An ``onnxruntime.InferenceSession`` that runs in this memory's stream.
            inputs: Name → numpy array (copied to the device at each call), or tensor on it (read in place).
            outputs: Name → numpy array (copied from the device at each call), or tensor on it.
            graph_id: A number of its own for every binding of a session, to record a CUDA graph under; None
                records none.
        """
        import onnxruntime

        binding, options = session.io_binding(), onnxruntime.RunOptions()
        options.add_run_config_entry("gpu_graph_id", "-1" if graph_id is None else str(graph_id))
        # The stream orders what follows; onnxruntime need not wait.
        options.add_run_config_entry("disable_synchronize_execution_providers", "1")
        before = [self._bind(binding.bind_input, name, array) for name, array in inputs.items()]
        after = [self._bind(binding.bind_output, name, array) for name, array in outputs.items()]
        copied_in = [(twin, host) for twin, host in before if host is not None]
        copied_out = [(twin, host) for twin, host in after if host is not None]
        keep = (before, after)  # The binding holds raw pointers.

        def call(_keep: Any = keep) -> None:
            with self.in_stream():
                for twin, host in copied_in:
                    twin.copy_(host, non_blocking=True)
                session.run_with_iobinding(binding, options)
                for twin, host in copied_out:
                    host.copy_(twin, non_blocking=True)
            if copied_out:
                self.wait()

        return call

    def _bind(
        self, bind: Callable[..., None], name: str, array: Any
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Bind an array's twin on the device, or a tensor that lies there; return it and what it copies."""
        host = self._torch.from_numpy(array) if isinstance(array, np.ndarray) else None
        twin = array if host is None else self.zeros(array.shape, str(array.dtype))
        dtype = np.dtype(str(twin.dtype).removeprefix("torch."))
        bind(name, self._device.type, self.index, dtype, tuple(twin.shape), twin.data_ptr())
        return twin, host


def _import_torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingDependency(
            "onnxruntime's memory on a GPU is allocated with torch: pip install torch (a CUDA build), or "
            "pip install 'sr-runtime[gpu]', which brings it along"
        ) from error
    return torch
