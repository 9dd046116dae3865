"""Run a bundle's networks in torch: on a GPU a whole hop is one CUDA graph, with nothing of Python between.

A hop of the paper's size is some 1,300 small kernels. Launched one by one they take longer than they run;
recorded once and replayed they are one launch. So every tensor that a hop reads or writes keeps its place:
rings are written at a slot that the graph computes from the position, rotary angles and mask come from the
position too, and what changes (pictures, noise, guidance, who has a hop due) is copied to fixed places.

    host      pictures ── pinned ─┐      noise, ω ──┐                        ┌── pinned ── sounds
    device        stretch ─► image ─► [ vision ─► transformer ─► head ─► … decoder ]    [ audio-token pass ]
                         one graph per sampler setting and power of two of sessions    another, run ahead

The same functions run on the CPU without a graph: that is how they are tested. The bundle must have been
exported with its networks (``--torch``). Thread: inference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from sr_runtime.engine.bundle import Bundle, SamplerName
from sr_runtime.engine.hop import Computed, Due
from sr_runtime.engine.member import Member, places, who_changes_places
from sr_runtime.engine.noise import philox_normal
from sr_runtime.engine.timings import Stopwatch
from sr_runtime.errors import BundleError, ConfigError, DeviceError, MissingDependency
from sr_runtime.types import Frame, State

if TYPE_CHECKING:
    import torch

    from sr_runtime.engine.backends.torch_cuda.program import HopProgram, Memory
    from sr_runtime.engine.backends.torch_cuda.weights import TorchNetworks

DEVICES: Final = ("cpu", "cuda", "auto")
PRECISIONS: Final = ("fp32", "bf16")
TORCH: Final = "torch"
"""Folder in a bundle."""

HOST_ONLY: Final = frozenset({"hop", "is_prepared", "has_frame", "dc_block", "last_sample"})
"""Entries of a session's state that the device has no part in."""

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
        torch = _import_torch()
        if self.device == "cpu":
            torch.set_num_threads(threads)
        # One for all graphs: they run one after the other, and what stays is in fixed places.
        self.pool: Any = None if self.device == "cpu" else torch.cuda.graph_pool_handle()

    def hops(self, bundle: Bundle, capacity: int = 1) -> TorchHops:
        """Return what computes the hops of up to so many sessions."""
        return TorchHops(self, bundle, capacity)


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
    """Hops in torch, of several sessions together; see :class:`~sr_runtime.engine.hop.Hops`.

    A pass runs over the first 1, 2, 4, 8 … places, so that there are few graphs to record; sessions among
    them that have no hop due stay as they are. Sessions with other noise levels are another pass.

    Args:
        backend: Of the bundle.
        bundle: Says what a session's state is, and how the first picture is treated.
        capacity: Most sessions.

    Attributes:
        memory: The sessions' tensors.
    """

    def __init__(self, backend: TorchBackend, bundle: Bundle, capacity: int = 1) -> None:
        from sr_runtime.engine.backends.torch_cuda.program import Memory

        self._torch = _import_torch()
        self._networks, self._image, self._pool = backend.networks, bundle.image, backend.pool
        self._capacity, self._members = capacity, list[Member]()
        self._is_cuda = backend.device == "cuda"
        self._graphs: dict[Any, Callable[[], None]] = {}
        self._programs: dict[int, HopProgram] = {}
        self.memory: Memory = Memory(backend.networks, bundle, capacity)
        # Pageable on purpose, unlike the noise: a pass may start before the copy of the last one is done.
        self._guidance = self._torch.zeros(capacity)
        self._is_due = self._torch.zeros(capacity, dtype=self._torch.bool)
        self._noise = self._pinned_like("noise")
        self._staging: dict[int, torch.Tensor] = {}
        self._results = self._pinned_like("audio"), self._pinned_like("latent")

    @property
    def is_full(self) -> bool:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        return len(self._members) == self._capacity

    def program(self, count: int) -> HopProgram:
        """Return the program for the first ``count`` places."""
        from sr_runtime.engine.backends.torch_cuda.program import HopProgram

        if count not in self._programs:
            self._programs[count] = HopProgram(self._networks, self.memory, count)
        return self._programs[count]

    def join(self, state: State) -> Member:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        assert not self.is_full
        member = Member(state, len(self._members))
        self._members.append(member)
        self.load(member)
        return member

    def leave(self, member: Member) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        self.save(member)
        last = self._members.pop()
        if last is not member:
            self.memory.move(last.index, member.index)
            last.index = member.index
            self._members[last.index] = last

    def prepare(self, due: Sequence[Due]) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`; on a GPU it is only started here."""
        self._tell(due)
        self._run("prepare", lambda program: program.prepare(), self._count(due))

    def compute(self, due: Sequence[Due]) -> list[Computed]:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        watch = Stopwatch()
        for each in due:
            if each.frame is not None:
                self._show(each, each.frame)
        groups: dict[Any, list[Due]] = {}
        for each in due:
            groups.setdefault((each.settings.sampler, each.settings.sigmas), []).append(each)
        found: dict[int, Computed] = {}
        for (sampler, sigmas), group in groups.items():
            self._tell(group, with_noise=True)
            finish = partial(_finish, sampler=sampler, sigmas=sigmas)
            self._run((sampler, sigmas), finish, self._count(group))
            found.update(self._fetch(group, watch))
        return [found[each.member.index] for each in due]

    def gather(self, members: Sequence[Member]) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        pair = who_changes_places(self._members, members)
        if pair is not None:
            one, other = pair
            self.memory.swap(one.index, other.index)
            one.index, other.index = other.index, one.index
            self._members[one.index], self._members[other.index] = one, other

    def mark(self, members: Sequence[Member]) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        for member in members:
            member.mark(HOST_ONLY)
        self.memory.mark(places(members))

    def go_back(self, members: Sequence[Member]) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        for member in members:
            if member.go_back():
                self.memory.go_back(member.index)

    def save(self, member: Member) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        self.memory.save(member.index, member.state)

    def load(self, member: Member) -> None:
        """See :class:`~sr_runtime.engine.hop.Hops`."""
        member.unmark()
        self.memory.load(member.index, member.state)

    def _show(self, due: Due, frame: Frame) -> None:
        member = due.member
        self.memory.show(member.index, self._staged(member.index, frame))
        if due.is_cut or (not member.has_frame and self._image.first_difference == "zero"):
            self._tell_due([member.index])
            self._run("look", lambda program: program.look(), self._count([due]))
        member.state["has_frame"][0] = True

    def _staged(self, place: int, frame: Frame) -> torch.Tensor:
        """Return a picture in memory that the device copies from while the host goes on.

        Free again at the next hop: every hop ends by waiting for the device.
        """
        staged = self._staging.get(place)
        if staged is None or tuple(staged.shape) != frame.shape:
            staged = self._torch.empty(frame.shape, dtype=self._torch.uint8, pin_memory=self._is_cuda)
            self._staging[place] = staged
        np.copyto(staged.numpy(), frame)
        return staged

    def _tell(self, due: Sequence[Due], with_noise: bool = False) -> None:
        """Hand the next pass which sessions have a hop due, their guidance, and their noise."""
        for each in due:
            member, settings = each.member, each.settings
            self._guidance[member.index] = settings.guidance
            if with_noise:
                count = 1 if settings.sampler == "heun" else len(settings.sigmas)
                size = self.memory.latent_size
                for index in range(count):
                    drawn = philox_normal(settings.seed, member.hop, index, size)
                    self._noise[index, member.index] = self._torch.from_numpy(drawn[0])
        self.memory.guidance.copy_(self._guidance)
        if with_noise:
            self.memory.noise.copy_(self._noise, non_blocking=True)
        self._tell_due([each.member.index for each in due])

    def _tell_due(self, places: Sequence[int]) -> None:
        self._is_due.zero_()
        self._is_due[list(places)] = True
        self.memory.is_due.copy_(self._is_due)

    def _fetch(self, due: Sequence[Due], watch: Stopwatch) -> dict[int, Computed]:
        """Return sounds and latents by place; waits for the device."""
        count = self._count(due)
        for target, source in zip(self._results, (self.memory.audio, self.memory.latent), strict=True):
            target[:count].copy_(source[:count], non_blocking=True)
        if self._is_cuda:
            self._torch.cuda.current_stream().synchronize()
        sounds, latents = (result.numpy() for result in self._results)
        took_ms = watch.lap()
        return {
            at: Computed(latents[at : at + 1].copy(), sounds[at].copy(), 0.0, 0.0, 0.0, took_ms)
            for at in (each.member.index for each in due)
        }

    def _count(self, due: Sequence[Due]) -> int:
        """Return over how many places a pass runs: the next power of two."""
        return min(self._capacity, 1 << (places([each.member for each in due]) - 1).bit_length())

    def _run(self, name: Any, part: Callable[[HopProgram], None], count: int) -> None:
        key, program = (name, count), self.program(count)
        if key not in self._graphs:
            self._graphs[key] = self.recorded(lambda: part(program))
        self._graphs[key]()

    def recorded(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return a function as one launch, where the device can.

        Warming up leaves no trace in the memory: no session has a hop due meanwhile.
        """
        torch = self._torch
        run: Callable[[], None] = torch.inference_mode()(function)
        if not self._is_cuda:
            return run
        is_due = self.memory.is_due.clone()
        self.memory.is_due.zero_()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP_RUNS):
                run()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            run()
        self.memory.is_due.copy_(is_due)
        replay: Callable[[], None] = graph.replay
        return replay

    def _pinned_like(self, name: str) -> torch.Tensor:
        shape = getattr(self.memory, name).shape
        zeros: torch.Tensor = self._torch.zeros(shape, pin_memory=self._is_cuda)
        return zeros


def _finish(program: HopProgram, sampler: SamplerName, sigmas: tuple[float, ...]) -> None:
    program.finish(sampler, sigmas)


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
