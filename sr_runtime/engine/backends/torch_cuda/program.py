"""Hops in torch, as functions over tensors that never move: what a CUDA graph records.

No function here takes or returns a tensor, reads one on the host, or makes a choice by one's value: all goes
through :class:`Memory`, whose first dimension are the sessions. A pass runs over the first ``count`` of them;
those that have no hop due stay as they are. The networks are those of :mod:`sr_runtime.model`, the
conventions those of a bundle. Called by the torch backend. Thread: inference.

    rows of the rings   … c2 c1 c0 │ n0 n1 n2 …      c sees the video, n the null token; 0: first session
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sr_runtime.engine.backends.torch_cuda.backend import HOST_ONLY
from sr_runtime.engine.backends.torch_cuda.weights import TorchNetworks
from sr_runtime.engine.bundle import PANNING, Bundle, SamplerName
from sr_runtime.engine.rings import is_ring
from sr_runtime.model.attention import MASKED
from sr_runtime.model.edm import consistency_sample, heun_sample
from sr_runtime.model.generator import guide
from sr_runtime.model.rope import rotary_angles
from sr_runtime.model.transformer import KeyValue
from sr_runtime.picture import ONE, stretch_matrix
from sr_runtime.types import HOP_SAMPLES, State


class Memory:
    """The sessions' tensors on the device, each at its place for as long as they live.

    Args:
        networks: Say where and in which precision.
        bundle: Says what a session's state is.
        capacity: Most sessions.
    """

    def __init__(self, networks: TorchNetworks, bundle: Bundle, capacity: int) -> None:
        self.device, self.capacity = networks.device, capacity
        state = {name: array for name, array in bundle.initial_state().items() if name not in HOST_ONLY}
        rings = [name for name in state if is_ring(name)]
        self._rings = {name: self._zeros(2 * capacity, state[name], networks.dtype) for name in rings}
        self._rest = {name: self._zeros(capacity, state[name]) for name in state if name not in rings}
        self._marked = {name: torch.zeros_like(tensor) for name, tensor in self._rest.items()}
        layers = range(len(rings) // 2)
        self.rings = [KeyValue(self._rings[f"k_{layer}"], self._rings[f"v_{layer}"]) for layer in layers]
        self.latent_size = networks.generator.config.vae.latent
        evaluations = max(len(levels) for levels in bundle.manifest.sampling.consistency_sigmas.values())
        self.noise = torch.zeros(evaluations, capacity, self.latent_size, device=self.device)
        self.guidance = torch.zeros(capacity, device=self.device)
        self.is_due = torch.zeros(capacity, dtype=torch.bool, device=self.device)
        self.audio = torch.zeros(capacity, HOP_SAMPLES, 2, device=self.device)
        self.latent = torch.zeros(capacity, self.latent_size, device=self.device)
        self._stretches: dict[tuple[int, int], Tensor] = {}

    def _zeros(self, rows: int, like: np.ndarray, dtype: torch.dtype | None = None) -> Tensor:
        kind = dtype or torch.from_numpy(like).dtype
        return torch.zeros(rows, *like.shape[1:], dtype=kind, device=self.device)

    def __getitem__(self, name: str) -> Tensor:
        """Return an entry of the state, of all sessions; not the rings."""
        return self._rest[name]

    def rows(self, count: int) -> slice:
        """Return the rings' rows of the first ``count`` sessions."""
        return slice(self.capacity - count, self.capacity + count)

    def save(self, index: int, state: State) -> None:
        """Copy to a session's state."""
        for name, tensor in self._of(index).items():
            np.copyto(state[name], tensor.to("cpu", torch.from_numpy(state[name]).dtype).numpy())

    def load(self, index: int, state: State) -> None:
        """Copy from a session's state."""
        for name, tensor in self._of(index).items():
            tensor.copy_(torch.from_numpy(np.ascontiguousarray(state[name])))

    def move(self, source: int, target: int) -> None:
        """Copy a session to another place."""
        for old, new in zip(self._of(source).values(), self._of(target).values(), strict=True):
            new.copy_(old)

    def mark(self, count: int) -> None:
        """Note where the first sessions are, but for rings; see :class:`~sr_runtime.engine.member.Member`."""
        for name, tensor in self._rest.items():
            self._marked[name][:count].copy_(tensor[:count])

    def go_back(self, index: int) -> None:
        """Take a session back to where it was marked."""
        for name, tensor in self._rest.items():
            tensor[index].copy_(self._marked[name][index])

    def swap(self, one: int, other: int) -> None:
        """Let two sessions change places."""
        for a, b in zip(self._of(one).values(), self._of(other).values(), strict=True):
            before = a.clone()
            a.copy_(b)
            b.copy_(before)

    def _of(self, index: int) -> dict[str, Tensor]:
        """Return views of a session's tensors, shaped as its state is."""
        first, second = self.capacity - 1 - index, self.capacity + index
        rings = {name: ring[first : second + 1 : second - first] for name, ring in self._rings.items()}
        return {**rings, **{name: tensor[index : index + 1] for name, tensor in self._rest.items()}}

    def show(self, index: int, frame: Tensor) -> None:
        """Stretch a picture uint8 (h, w, 3) into its place: to the bit what ``picture.stretch`` makes."""
        target = self["image"][index]
        lines = frame.to(self.device, non_blocking=True)
        rows, columns = target.shape[:2]
        if lines.shape[0] != rows or lines.shape[1] != columns:
            lines = self._average(lines.reshape(lines.shape[0], -1), rows).reshape(rows, -1, 3)
            turned = lines.transpose(0, 1).reshape(lines.shape[1], -1)
            lines = self._average(turned, columns).reshape(columns, rows, 3).transpose(0, 1)
        target.copy_(lines)

    def _average(self, lines: Tensor, count: int) -> Tensor:
        """Return weighted averages of lines; float64 holds these whole numbers exactly."""
        key = len(lines), count
        if key not in self._stretches:
            matrix = torch.from_numpy(stretch_matrix(*key)).to(self.device, torch.float64)
            self._stretches[key] = matrix
        return torch.floor((self._stretches[key] @ lines.double() + ONE // 2) / ONE)


class HopProgram:
    """The hops' parts for the first ``count`` sessions, each without arguments and results that are tensors.

    Args:
        networks: On the device.
        memory: Of the sessions.
        count: How many sessions a pass runs over.
    """

    def __init__(self, networks: TorchNetworks, memory: Memory, count: int) -> None:
        self.networks, self.memory, self.count = networks, memory, count
        places = torch.arange(count, device=memory.device)
        self._row_places = torch.cat((places.flip(0), places))
        self._row_is_null = torch.arange(2 * count, device=memory.device) >= count
        self._slots = torch.arange(memory.rings[0].key.shape[2], device=memory.device)
        self._decoder_states = tuple(networks.vae.initial_decoder_state(1))

    def prepare(self) -> None:
        """Run the audio token of the hop before through both rows."""
        tokens = self._get("audio_token")
        self._put("audio_hidden", self._append(tokens, tokens)[0])

    def look(self) -> None:
        """Take the picture as the one before, so that the difference is zero."""
        self._put("prev_grid", self._grid())

    def finish(self, sampler: SamplerName, sigmas: Sequence[float]) -> None:
        """Compute the rest of a hop: picture to sound."""
        memory, generator = self.memory, self.networks.generator
        grid = self._grid()
        difference = grid - self._get("prev_grid")
        token = generator.vision_token(*(part.to(self.networks.dtype) for part in (grid, difference)))
        self._put("prev_grid", grid)
        null = generator.null_token().reshape(1, 1, -1).expand(self.count, -1, -1)
        seen, blind = self._append(token.unsqueeze(1).float(), null)
        guided = guide(seen[:, 0], blind[:, 0], memory.guidance[: self.count, None])
        z = torch.cat((self._get("audio_hidden")[:, 0], guided), dim=-1)
        latent = self._steered(self._draw(z, sampler, sigmas), grid)
        memory.latent[: self.count].copy_(latent)
        self._put("audio_token", generator.audio_token(latent).unsqueeze(1))
        self.decode(latent)

    def _get(self, name: str) -> Tensor:
        return self.memory[name][: self.count]

    def _put(self, name: str, new: Tensor) -> None:
        """Change an entry of the sessions that have a hop due."""
        old = self._get(name)
        is_due = self.memory.is_due[: self.count].reshape(-1, *[1] * (old.dim() - 1))
        torch.where(is_due, new.to(old.dtype), old, out=old)

    def _grid(self) -> Tensor:
        image = self._get("image").permute(0, 3, 1, 2).to(self.networks.dtype)
        return self.networks.generator.project(self.networks.backbone(image))

    def _append(self, conditional: Tensor, null: Tensor) -> tuple[Tensor, Tensor]:
        """Append a token (count, 1, width) to the rows of either kind; returns hidden vectors, likewise.

        A session without a hop due has its keys and values written to a slot that it does not see.
        """
        memory, config = self.memory, self.networks.generator.config.transformer
        position, start = self._get("position"), self._get("null_start")
        at = position[self._row_places]
        slot = at % len(self._slots)
        age = (slot[:, None] - self._slots) % len(self._slots)
        first = start[self._row_places] * self._row_is_null
        is_seen = at[:, None] - age >= first[:, None]
        mask = torch.where(is_seen, 0.0, MASKED).to(self.networks.dtype)
        cos, sin = rotary_angles(at, config.head_dim, config.rope_theta)
        tokens = torch.cat((conditional.flip(0), null)).to(self.networks.dtype)
        rows = memory.rows(self.count)
        rings = [KeyValue(ring.key[rows], ring.value[rows]) for ring in memory.rings]
        hidden = self.networks.generator.transformer.append(tokens, rings, slot, cos, sin, mask)
        self._put("position", position + 1)
        is_blind = memory.guidance[: self.count] == 1.0
        self._put("null_start", torch.where(is_blind, position, start))
        return hidden[: self.count].flip(0).float(), hidden[self.count :].float()

    def _draw(self, z: Tensor, sampler: SamplerName, sigmas: Sequence[float]) -> Tensor:
        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            return self.networks.generator.head(x, sigma, z)

        noise = list(self.memory.noise[:, : self.count])
        if sampler == "heun":
            return heun_sample(denoise, noise[0], [*sigmas, 0.0])
        return consistency_sample(denoise, noise[: len(sigmas)], sigmas)

    def _steered(self, latent: Tensor, grid: Tensor) -> Tensor:
        """Return latents (count, latent), turned to the side that the picture tells if the bundle steers."""
        steering = self.networks.steering
        if steering is None:
            return latent
        latent, told = steering(latent, grid, self._get(PANNING))
        self._put(PANNING, told)
        return latent

    def decode(self, latent: Tensor) -> None:
        """Make the hop's sound of its latents (count, latent)."""
        memory, vae = self.memory, self.networks.vae
        before = {name: self._get(name) for name in self._decoder_states}
        wave, after = vae.decode_step(vae.denormalise(latent.unsqueeze(-1)), before)
        memory.audio[: self.count].copy_(wave.transpose(1, 2))
        for name in self._decoder_states:
            self._put(name, after[name])
