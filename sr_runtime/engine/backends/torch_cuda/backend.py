"""Run a bundle's networks in torch: on a GPU a whole hop is one CUDA graph, with nothing of Python between.

A hop of the paper's size is some 1,300 small kernels. Launched one by one they take longer than they run;
recorded once and replayed they are one launch. So every tensor that a hop reads or writes keeps its place:
rings are written at a slot that the graph computes from the position, rotary angles and mask come from the
position too, and what changes from hop to hop (picture, noise, guidance) is copied to fixed places.

    host      picture ── pinned ──┐      noise, ω ──┐                        ┌── pinned ── sound
    device        stretch ─► image ─► [ vision ─► transformer ─► head ─► decoder ]      [ audio-token pass ]
                                      one graph per sampler setting                      another, run ahead

The same functions run on the CPU without a graph: that is how they are tested. The bundle must have been
exported with its networks (``--torch``). Thread: inference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sr_runtime.engine.bundle import Bundle
from sr_runtime.engine.hop import Computed, Due
from sr_runtime.engine.member import Member
from sr_runtime.engine.noise import philox_normal
from sr_runtime.engine.settings import SamplingSettings
from sr_runtime.engine.timings import Stopwatch
from sr_runtime.errors import BundleError, ConfigError, DeviceError, MissingDependency
from sr_runtime.types import HOP_SAMPLES, Frame, State

if TYPE_CHECKING:
    import torch

    from sr_runtime.engine.backends.torch_cuda.program import HopProgram, Memory
    from sr_runtime.engine.backends.torch_cuda.weights import TorchNetworks

DEVICES: Final = ("cpu", "cuda", "auto")
PRECISIONS: Final = ("fp32", "bf16")
TORCH: Final = "torch"
"""Folder in a bundle."""

WARM_UP_RUNS: Final = 3
"""Before a graph is recorded: libraries choose their algorithms and allocate."""


class TorchBackend:
    """Networks in torch on a device.

    Attributes:
        networks: Where they are, and in which precision.
        device: ``cpu`` or ``cuda``.
        threads: Threads of torch on the CPU.
    """

    def __init__(self, networks: TorchNetworks, threads: int = 1) -> None:
        self.networks = networks
        self.device = networks.device.type
        self.threads = threads
        if self.device == "cpu":
            _import_torch().set_num_threads(threads)

    def hops(self, bundle: Bundle) -> TorchHops:
        """Return what computes a new session's hops."""
        return TorchHops(self, bundle)


def open_torch(
    bundle: Bundle, device: str = "auto", threads: int = 1, precision: str | None = None
) -> TorchBackend:
    """Load a bundle's networks onto the device that was asked for.

    Args:
        bundle: Exported with ``--torch``.
        device: ``cpu``, ``cuda``, or ``auto`` for the better one that is there.
        threads: Of torch on the CPU.
        precision: ``bf16`` (picture encoder and transformer; head and decoder stay in fp32) or ``fp32``; by
            default what suits the device.

    Raises:
        ConfigError: An unknown device or precision.
        DeviceError: The device was asked for and is not there.
        BundleError: The bundle has no networks for torch.
        MissingDependency: torch is not installed.
    """
    torch = _import_torch()
    place = _device(torch, device)
    precision = precision or ("bf16" if place == "cuda" else "fp32")
    if precision not in PRECISIONS:
        raise ConfigError(f"precision: expected one of {', '.join(PRECISIONS)}, got {precision!r}")
    from sr_runtime.engine.backends.torch_cuda.weights import load_torch_networks

    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    return TorchBackend(load_torch_networks(bundle, torch.device(place), dtype), threads)


class TorchHops:
    """Hops in torch, of one session; see :class:`~sr_runtime.engine.hop.Hops`.

    Args:
        backend: Of the bundle.
        bundle: Says how the first picture is treated.

    Attributes:
        memory: The session's tensors.
        program: What is done with them.
    """

    memory: Memory
    program: HopProgram

    def __init__(self, backend: TorchBackend, bundle: Bundle) -> None:
        self._torch = _import_torch()
        self._networks, self._image = backend.networks, bundle.image
        levels = bundle.manifest.sampling.consistency_sigmas.values()
        self._evaluations = max(len(each) for each in levels)
        self._graphs: dict[Any, Callable[[], None]] = {}
        self._is_cuda = backend.device == "cuda"
        self._results = self._pinned((HOP_SAMPLES, 2)), self._pinned((1, bundle.manifest.latent_size))
        self.is_full = False

    def join(self, state: State) -> Member:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        from sr_runtime.engine.backends.torch_cuda.program import HopProgram, Memory

        assert not self.is_full
        self.is_full = True
        self._graphs.clear()  # They were recorded with the tensors of the session before.
        self.memory = Memory(self._networks, state, self._evaluations)
        self.program = HopProgram(self._networks, self.memory)
        return Member(state)

    def leave(self, member: Member) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        self.save(member)
        self.is_full = False

    def prepare(self, due: Sequence[Due]) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`; on a GPU it is only started here."""
        (one,) = due
        self.memory.set_guidance(one.settings.guidance)
        self._run("prepare", self.program.prepare)

    def compute(self, due: Sequence[Due]) -> list[Computed]:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        watch, (one,) = Stopwatch(), due
        if one.frame is not None:
            self._show(one.member, one.frame, one.is_cut)
        settings = one.settings
        self._set(one.member.hop, settings)
        key = settings.sampler, settings.sigmas
        self._run(key, lambda: self.program.finish(settings.sampler, settings.sigmas))
        audio, latent = self._fetch()
        return [Computed(latent, audio, 0.0, 0.0, 0.0, watch.lap())]

    def save(self, member: Member) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        self.memory.save(member.state)

    def load(self, member: Member) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        self.memory.load(member.state)

    def _show(self, member: Member, frame: Frame, is_cut: bool) -> None:
        picture = self._torch.from_numpy(np.require(frame, requirements=("C", "W")))  # copies read-only views
        if self._is_cuda:
            picture = picture.pin_memory()
        self.memory.show(picture)
        if is_cut or (not member.has_frame and self._image.first_difference == "zero"):
            self._run("look", self.program.look)
        member.state["has_frame"][0] = True

    def _set(self, hop: int, settings: SamplingSettings) -> None:
        count = 1 if settings.sampler == "heun" else len(settings.sigmas)
        size = self.memory.latent_size
        noise = np.concatenate([philox_normal(settings.seed, hop, index, size) for index in range(count)])
        self.memory.set_guidance(settings.guidance)
        self.memory.set_noise(self._torch.from_numpy(noise))

    def _fetch(self) -> tuple[np.ndarray, np.ndarray]:
        """Return sound and latent; waits for the device."""
        for target, source in zip(self._results, (self.memory.audio, self.memory.latent), strict=True):
            target.copy_(source, non_blocking=True)
        if self._is_cuda:
            self._torch.cuda.current_stream().synchronize()
        audio, latent = self._results
        return audio.numpy(), latent.numpy().copy()

    def _run(self, key: Any, function: Callable[[], None]) -> None:
        if key not in self._graphs:
            self._graphs[key] = self.recorded(function)
        self._graphs[key]()

    def recorded(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return a function as one launch, where the device can; warming up leaves no trace in the memory."""
        torch = self._torch
        run: Callable[[], None] = torch.inference_mode()(function)
        if not self._is_cuda:
            return run
        before = self.memory.copy()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_RUNS):
                run()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            run()
        self.memory.restore(before)
        replay: Callable[[], None] = graph.replay
        return replay

    def _pinned(self, shape: tuple[int, ...]) -> torch.Tensor:
        zeros: torch.Tensor = self._torch.zeros(shape, pin_memory=self._is_cuda)
        return zeros


def _import_torch() -> Any:
    try:
        import torch
    except ImportError as error:
        raise MissingDependency(
            "the torch backend needs torch: pip install 'sr-runtime[train]' (with a CUDA build for a GPU)"
        ) from error
    return torch


def _device(torch: Any, wanted: str) -> str:
    if wanted not in DEVICES:
        raise ConfigError(f"device: the torch backend knows {', '.join(DEVICES)}, got {wanted!r}")
    has_cuda = bool(torch.cuda.is_available())
    if wanted == "cuda" and not has_cuda:
        raise DeviceError(
            f"--device cuda: torch {torch.__version__} sees no CUDA device; install a CUDA build of torch "
            "and the driver, or take --device cpu. Check with: sr-runtime doctor"
        )
    return "cuda" if has_cuda and wanted != "cpu" else "cpu"


def torch_folder(bundle: Bundle) -> Path:
    """Return the folder with the networks for torch.

    Raises:
        BundleError: The bundle was exported without.
    """
    folder = bundle.path / TORCH
    if not folder.is_dir():
        raise BundleError(
            f"{bundle.path} has no networks for torch; export it with --torch, or take the onnx backend"
        )
    return folder
