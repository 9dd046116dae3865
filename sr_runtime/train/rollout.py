"""Generate sound with the networks as they are in training: torch, hop by hop, the whole of Algorithm 3.

Called at the end of a generator stage, for samples to listen to and to test the engine against. The ring
cache, the two rows (conditional and ∅) and the guidance are those of a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from sr_runtime.model.attention import MASKED
from sr_runtime.model.difference import sequence_differences
from sr_runtime.model.edm import consistency_sample, heun_sample
from sr_runtime.model.generator import Generator, guide
from sr_runtime.model.rope import rotary_angles
from sr_runtime.train.ema import evaluating
from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.samples import write_wave
from sr_runtime.types import HOP_SAMPLES

if TYPE_CHECKING:
    from sr_runtime.train.generator_stage import GeneratorStage

GUIDANCE = 3.0
SAMPLES = 4


class RingTransformer:
    """The generator's transformer with its two-row ring cache, one token at a time.

    Args:
        generator: in evaluation mode.
    """

    def __init__(self, generator: Generator) -> None:
        self.transformer, self.config = generator.transformer, generator.config.transformer
        self.cache = self.transformer.empty_cache(2)
        self.ring = self.config.cache_tokens
        self.position = 0

    def step(self, tokens: Tensor) -> Tensor:
        """Run one token per row, (2, width) → z̃ (2, width)."""
        position = torch.tensor([self.position])
        cos, sin = rotary_angles(position, self.config.head_dim, self.config.rope_theta)
        slot = self.position % self.ring
        mask = torch.full((1, self.ring), MASKED)
        mask[:, : min(self.position, self.ring)] = 0.0
        mask[:, slot] = MASKED  # it holds the token `window` back, outside the window
        hidden, news = self.transformer.step(tokens.unsqueeze(1), self.cache, cos, sin, mask)
        for past, new in zip(self.cache, news, strict=True):
            past.key[:, :, slot], past.value[:, :, slot] = new.key[:, :, 0], new.value[:, :, 0]
        self.position += 1
        return hidden.squeeze(1)


@torch.no_grad()
def generate_latents(
    generator: Generator,
    grids: Tensor,
    guidance: float = GUIDANCE,
    consistency_times: Sequence[float] | None = None,
    heun_times: Sequence[float] | None = None,
    seed: int = 0,
) -> Tensor:
    """Generate the latents of one clip, autoregressively.

    Args:
        generator: in evaluation mode.
        grids: projected grids float32 (T, c, h, w).
        guidance: ω, applied to z̃_{2i} only.
        consistency_times: noise levels of the consistency sampler, or None for Heun's.
        heun_times: noise levels of Heun's sampler, ending in 0.
        seed: of the noise.

    Returns:
        Normalised latents float32 (T, 64).
    """
    noise = torch.Generator().manual_seed(seed)
    first = generator.config.vision.first_difference
    differences = sequence_differences(grids[None], first=first)[0]
    video = generator.vision_token(grids, differences)
    ring, audio, latents = RingTransformer(generator), generator.bos_token(), []
    for token in video:
        heard = ring.step(audio.expand(2, -1))
        seen = ring.step(torch.stack((token, generator.null_token())))
        z = torch.cat((heard[:1], guide(seen[:1], seen[1:], guidance)), dim=-1)
        latent = _sample(generator, z, consistency_times, heun_times, noise)
        latents.append(latent)
        audio = generator.audio_token(latent)
    return torch.cat(latents)


def _sample(
    generator: Generator,
    z: Tensor,
    consistency_times: Sequence[float] | None,
    heun_times: Sequence[float] | None,
    noise: torch.Generator,
) -> Tensor:
    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        return generator.head(x, sigma, z)

    size = (1, generator.config.vae.latent)
    if consistency_times is not None:
        noises = [torch.randn(size, generator=noise) for _ in consistency_times]
        return consistency_sample(denoise, noises, consistency_times)
    assert heun_times is not None
    return heun_sample(denoise, torch.randn(size, generator=noise), heun_times)


def write_rollouts(
    run: RunFolder,
    stage: GeneratorStage,
    consistency_times: Sequence[float] | None,
    heun_times: Sequence[float] | None,
    name: str = "rollout",
) -> None:
    """Generate sound for a few validation crops; write it beside the real sound as WAV files."""
    generator, vae, held = stage.average.module, stage.caches.latents.vae, stage.held
    batch = held.fixed(SAMPLES)
    with evaluating(generator), evaluating(vae):
        for index, grids in enumerate(batch.grids):
            latents = generate_latents(
                generator,  # type: ignore[arg-type]
                grids,
                consistency_times=consistency_times,
                heun_times=heun_times,
            )
            made = vae.decode(vae.denormalise(latents.T[None]))[0]
            write_wave(_path(run, name, index, "made"), made)
            clip, start = held.fixed_clip(index, SAMPLES)
            pcm = clip.audio()[start * HOP_SAMPLES :][: made.shape[1]]
            write_wave(_path(run, name, index, "real"), torch.from_numpy(pcm.astype(np.float32).T / 32768.0))


def _path(run: RunFolder, name: str, index: int, kind: str) -> Path:
    return run.path / "samples" / f"{name}{index}_{kind}.wav"
