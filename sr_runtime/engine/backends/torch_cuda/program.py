"""The hop in torch, as functions over tensors that never move: what a CUDA graph records.

No function here takes or returns a tensor, reads one on the host, or makes a choice by one's value: all goes
through :class:`Memory`. The networks are those of :mod:`sr_runtime.model`, the conventions those of a bundle
(row 0 sees the video, row 1 the null token). Called by the torch backend. Thread: inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from sr_runtime.engine.backends.torch_cuda.weights import TorchNetworks
from sr_runtime.engine.bundle import SamplerName
from sr_runtime.model.attention import MASKED
from sr_runtime.model.edm import consistency_sample, heun_sample
from sr_runtime.model.generator import guide
from sr_runtime.model.rope import rotary_angles
from sr_runtime.model.transformer import KeyValue
from sr_runtime.picture import ONE, stretch_matrix
from sr_runtime.types import HOP_SAMPLES, State

HOST_ONLY: Final = frozenset({"hop", "is_prepared", "has_frame", "dc_block", "last_sample"})
"""Entries of a session's state that the device has no part in."""


class Memory:
    """A session's tensors on the device, each at its place for as long as the session lives.

    Args:
        networks: Say where and in which precision.
        state: First values.
        evaluations: Most that a hop may have, each with noise of its own; Heun's sampler needs one.
    """

    def __init__(self, networks: TorchNetworks, state: State, evaluations: int) -> None:
        self.device = networks.device
        rings = {name for name in state if name[:2] in ("k_", "v_") and name[2:].isdigit()}
        self.tensors = {
            name: torch.from_numpy(array).to(
                self.device, networks.dtype if name in rings else None, copy=True
            )
            for name, array in state.items()
            if name not in HOST_ONLY
        }
        layers = range(len(rings) // 2)
        self.rings = [KeyValue(self.tensors[f"k_{layer}"], self.tensors[f"v_{layer}"]) for layer in layers]
        self.latent_size = networks.generator.config.vae.latent
        self.noise = torch.zeros(evaluations, self.latent_size, device=self.device)
        self.guidance = torch.zeros((), device=self.device)
        self.audio = torch.zeros(HOP_SAMPLES, 2, device=self.device)
        self.latent = torch.zeros(1, self.latent_size, device=self.device)
        self._stretches: dict[tuple[int, int], Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        """Return an entry of the state."""
        return self.tensors[name]

    def save(self, state: State) -> None:
        """Copy to a session's state."""
        for name, tensor in self.tensors.items():
            np.copyto(state[name], tensor.to("cpu", torch.from_numpy(state[name]).dtype).numpy())

    def load(self, state: State) -> None:
        """Copy from a session's state."""
        for name, tensor in self.tensors.items():
            tensor.copy_(torch.from_numpy(state[name]))

    def copy(self) -> list[Tensor]:
        """Return what :meth:`restore` takes."""
        return [tensor.clone() for tensor in self.all()]

    def restore(self, before: list[Tensor]) -> None:
        """Put back what :meth:`copy` returned."""
        for tensor, old in zip(self.all(), before, strict=True):
            tensor.copy_(old)

    def set_noise(self, noise: Tensor) -> None:
        """Hand the next hop its noise (evaluations, latent)."""
        self.noise[: len(noise)].copy_(noise, non_blocking=True)

    def set_guidance(self, guidance: float) -> None:
        """Hand the next pass its ω; at 1 the null row forgets all it had."""
        self.guidance.fill_(guidance)

    def show(self, frame: Tensor) -> None:
        """Stretch a picture uint8 (h, w, 3) into its place: to the bit what ``picture.stretch`` makes."""
        target = self["image"][0]
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

    def all(self) -> list[Tensor]:
        """Return every tensor whose place is fixed."""
        return [*self.tensors.values(), self.noise, self.guidance, self.audio, self.latent]


class HopProgram:
    """The hop's parts, each without arguments and results.

    Args:
        networks: On the device.
        memory: Of one session.
    """

    def __init__(self, networks: TorchNetworks, memory: Memory) -> None:
        self.networks, self.memory = networks, memory
        self._slots = torch.arange(memory.rings[0].key.shape[2], device=memory.device)
        self._decoder_states = tuple(networks.vae.initial_decoder_state(1))

    def prepare(self) -> None:
        """Run the audio token of the hop before through both rows."""
        token = self.memory["audio_token"]
        self.memory["audio_hidden"].copy_(self._append(token, token)[:1])

    def look(self) -> None:
        """Take the picture as the one before, so that the difference is zero."""
        self.memory["prev_grid"].copy_(self._grid())

    def finish(self, sampler: SamplerName, sigmas: Sequence[float]) -> None:
        """Compute the rest of a hop: picture to sound."""
        memory, generator = self.memory, self.networks.generator
        grid = self._grid()
        token = generator.vision_token(*(part.to(self.networks.dtype) for part in self._seen(grid)))
        memory["prev_grid"].copy_(grid)
        hidden = self._append(token.reshape(1, 1, -1).float(), generator.null_token().reshape(1, 1, -1))
        guided = guide(hidden[:1, 0], hidden[1:, 0], memory.guidance)
        z = torch.cat((memory["audio_hidden"][:, 0], guided), dim=-1)
        latent = self._draw(z, sampler, sigmas)
        memory.latent.copy_(latent)
        memory["audio_token"].copy_(generator.audio_token(latent).reshape(1, 1, -1))
        self.decode(latent)

    def _seen(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        return grid, grid - self.memory["prev_grid"]

    def _grid(self) -> Tensor:
        image = self.memory["image"].permute(0, 3, 1, 2).to(self.networks.dtype)
        features = self.networks.backbone(image).float()
        projected: Tensor = self.networks.generator.pca(features)
        return projected

    def _append(self, conditional: Tensor, null: Tensor) -> Tensor:
        """Append a token (1, 1, width) to each row; returns hidden vectors float32 (2, 1, width)."""
        memory, config = self.memory, self.networks.generator.config.transformer
        position = memory["position"]
        slot = position % len(self._slots)
        age = (slot - self._slots) % len(self._slots)
        first = torch.cat((torch.zeros_like(position), memory["null_start"]))[:, None]
        is_seen = (age > 0) & (position - age >= first)
        mask = torch.where(is_seen, 0.0, MASKED).to(self.networks.dtype)
        cos, sin = rotary_angles(position, config.head_dim, config.rope_theta)
        tokens = torch.cat((conditional, null)).to(self.networks.dtype)
        hidden, news = self.networks.generator.transformer.step(tokens, memory.rings, cos, sin, mask)
        for ring, new in zip(memory.rings, news, strict=True):
            ring.key.index_copy_(2, slot, new.key)
            ring.value.index_copy_(2, slot, new.value)
        position.add_(1)
        memory["null_start"].copy_(torch.where(memory.guidance == 1.0, position, memory["null_start"]))
        return hidden.float()

    def _draw(self, z: Tensor, sampler: SamplerName, sigmas: Sequence[float]) -> Tensor:
        def denoise(x: Tensor, sigma: Tensor) -> Tensor:
            return self.networks.generator.head(x, sigma, z)

        noise = [row[None] for row in self.memory.noise]
        if sampler == "heun":
            return heun_sample(denoise, noise[0], [*sigmas, 0.0])
        return consistency_sample(denoise, noise[: len(sigmas)], sigmas)

    def decode(self, latent: Tensor) -> None:
        """Make the hop's sound of its latent (1, latent)."""
        memory, vae = self.memory, self.networks.vae
        before = {name: memory[name] for name in self._decoder_states}
        wave, after = vae.decode_step(vae.denormalise(latent.unsqueeze(-1)), before)
        memory.audio.copy_(wave[0].T)
        for name in self._decoder_states:
            memory[name].copy_(after[name])
