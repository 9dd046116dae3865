"""Generate sound with the networks as they are in training: torch, many clips at once, all of Algorithm 3.

Called at the end of a generator stage, for samples to listen to, and by the experiments. The ring cache, the
two rows (conditional and ∅), the guidance and the noise are those of a session: the same seed and pictures
give the same latents up to rounding.

    rows of the batch     clip 0 ─ seed 0 ┐
                          clip 1 ─ seed 0 ├─ one token per step ─► z ─► head ─► latents (B, T, 64)
                          clip 0 ─ seed 1 ┘

A row sees its own pictures, history and noise only; what stands beside it changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sr_runtime.engine.noise import philox_normal
from sr_runtime.model.difference import sequence_differences
from sr_runtime.model.edm import consistency_sample, heun_sample
from sr_runtime.model.generator import Generator, guide
from sr_runtime.train.ema import evaluating
from sr_runtime.train.ring import Memory, RingTransformer
from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.samples import write_wave
from sr_runtime.types import HOP_SAMPLES

if TYPE_CHECKING:
    from sr_runtime.train.generator_stage import GeneratorStage

GUIDANCE = 3.0
SAMPLES = 4
LONGEST_LAG = 15
"""Hops that correlated noise looks back: at 0.7 what is left out weighs 0.3 %."""

Change = Callable[[int, Tensor], Tensor]

PICTURES = 600
"""Pictures that become tokens at once: 9 MB of grids."""


@dataclass(frozen=True)
class Sampling:
    """How latents are drawn.

    Attributes:
        guidance: ω, applied to z̃_{2i} only.
        consistency_times: noise levels of the consistency sampler, or None for Heun's.
        heun_times: noise levels of Heun's sampler, ending in 0.
        shared_history: whether the ∅ query looks back on the conditional row's past (Algorithm 3 as printed)
            instead of a row of its own that has only ever seen ∅ (what training knows, and a session does).
        memory: what a token remembers.
        temperature: factor on all noise that is drawn; 1 is what training knows, below is surer and duller.
        correlation: of a hop's noise with that of the hop before; 0 is what a session has.
        autocast: whether the networks run in bf16.
    """

    guidance: float = GUIDANCE
    consistency_times: Sequence[float] | None = None
    heun_times: Sequence[float] | None = None
    shared_history: bool = False
    memory: Memory = field(default_factory=Memory)
    temperature: float = 1.0
    correlation: float = 0.0
    autocast: bool = False


def video_tokens(generator: Generator, features: Tensor, autocast: bool = False) -> Tensor:
    """Return the typed video tokens (B, T, width) of stored features (B, T, c, h, w).

    Each clip starts from nothing: its first difference is what the configuration says of a first picture.
    """
    first = generator.config.vision.first_difference
    parts = []
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        for start in range(0, features.shape[1], PICTURES):
            begin = max(0, start - 1)
            part = generator.grids(features[:, begin : start + PICTURES].float()).float()
            differences = sequence_differences(part, first=first)[:, start - begin :]
            for clip, difference in zip(part[:, start - begin :], differences, strict=True):
                parts.append(generator.vision_token(clip, difference).float())
    length = len(features)
    return torch.stack([torch.cat(parts[clip::length]) for clip in range(length)])


class Rollout:
    """Rows under way, which can be saved and gone on with: an hour need not be made in one go.

    Args:
        generator: in evaluation mode.
        seeds: of each row's noise.
        sampling: how latents are drawn.
        change: makes of a hop's number and its latents (B, 64) those that are kept, heard and looked back on.
    """

    def __init__(
        self, generator: Generator, seeds: Sequence[int], sampling: Sampling, change: Change | None = None
    ) -> None:
        self.generator, self.seeds, self.sampling, self.change = generator, seeds, sampling, change
        rows = len(seeds) if sampling.shared_history else 2 * len(seeds)
        dtype = torch.bfloat16 if sampling.autocast else torch.float32
        self.ring = RingTransformer(generator, rows, sampling.memory, dtype)
        self.audio = generator.bos_token().detach().expand(len(seeds), -1)
        self.hop = 0

    def advance(self, video: Tensor, report: Callable[[int], None] | None = None) -> Tensor:
        """Return the next latents float32 (B, T, 64) for video tokens (B, T, width).

        Args:
            video: What the rows see.
            report: Told after every hop how many were made since the beginning.
        """
        rows, hops, _ = video.shape
        assert len(self.seeds) == rows, f"{rows} rows need as many seeds, got {len(self.seeds)}"
        generator, latents = self.generator, []
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self.sampling.autocast):
            for index in range(hops):
                z = _condition(generator, self.ring, self.audio, video[:, index], self.sampling)
                drawn = _draw(generator, z, self.seeds, self.hop, self.sampling).float()
                latents.append(self.change(self.hop, drawn) if self.change else drawn)
                self.audio = generator.audio_token(latents[-1]).float()
                self.hop += 1
                if report:
                    report(self.hop)
        return torch.stack(latents, dim=1)

    def state(self) -> dict[str, Any]:
        """Return all that :meth:`load_state` needs: tensors and numbers."""
        return {"ring": self.ring.state(), "audio": self.audio.clone(), "hop": self.hop}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from where a rollout of the same rows stood."""
        self.ring.load_state(state["ring"])
        self.audio, self.hop = state["audio"], int(state["hop"])


def roll_out(
    generator: Generator,
    video: Tensor,
    seeds: Sequence[int],
    sampling: Sampling,
    report: Callable[[int], None] | None = None,
    change: Change | None = None,
) -> Tensor:
    """Generate latents for video tokens, autoregressively, all rows at once.

    Args:
        generator: in evaluation mode.
        video: from :func:`video_tokens`, (B, T, width).
        seeds: of each row's noise, B of them.
        sampling: how latents are drawn.
        report: told after every hop how many are done.
        change: see :class:`Rollout`.

    Returns:
        Normalised latents float32 (B, T, 64).
    """
    return Rollout(generator, seeds, sampling, change).advance(video, report)


def generate_latents(generator: Generator, grids: Tensor, seeds: Sequence[int], sampling: Sampling) -> Tensor:
    """Generate the latents of clips.

    Args:
        generator: in evaluation mode.
        grids: stored features, float (B, T, c, h, w).
        seeds: of each clip's noise, B of them.
        sampling: how latents are drawn.

    Returns:
        Normalised latents float32 (B, T, 64).
    """
    return roll_out(generator, video_tokens(generator, grids, sampling.autocast), seeds, sampling)


def _condition(
    generator: Generator, ring: RingTransformer, audio: Tensor, video: Tensor, sampling: Sampling
) -> Tensor:
    """Return z (B, 2·width) of one hop: lines 3–7 of Algorithm 3."""
    null = generator.null_token().expand_as(video)
    if sampling.shared_history:
        heard = ring.step(audio)
        unseen = ring.step(null, keep=False)
        seen = ring.step(video)
    else:
        heard = ring.step(audio.repeat(2, 1))[: len(audio)]
        seen, unseen = ring.step(torch.cat((video, null))).chunk(2)
    return torch.cat((heard.float(), guide(seen.float(), unseen.float(), sampling.guidance)), dim=-1)


def _draw(generator: Generator, z: Tensor, seeds: Sequence[int], hop: int, sampling: Sampling) -> Tensor:
    """Return latents (B, 64) of one hop."""

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        return generator.head(x, sigma, z)

    def noise(evaluation: int) -> Tensor:
        size = generator.config.vae.latent
        rows = {seed: hop_noise(seed, hop, evaluation, size, sampling.correlation) for seed in set(seeds)}
        return sampling.temperature * torch.from_numpy(np.concatenate([rows[seed] for seed in seeds]))

    times = sampling.consistency_times
    if times is not None:
        return consistency_sample(denoise, [noise(evaluation) for evaluation in range(len(times))], times)
    assert sampling.heun_times is not None, "name the noise levels of one of the samplers"
    return heun_sample(denoise, noise(0), sampling.heun_times)


def hop_noise(seed: int, hop: int, evaluation: int, size: int, correlation: float) -> npt.NDArray[np.float32]:
    """Return a hop's noise (1, size), N(0, 1): its own and, fading, that of the hops before."""
    lags = range(min(hop, LONGEST_LAG if correlation else 0) + 1)
    shares = np.array([correlation**lag for lag in lags])
    shares /= np.linalg.norm(shares)
    parts = [philox_normal(seed, hop - lag, evaluation, size) for lag in lags]
    return np.tensordot(shares, parts, axes=1).astype(np.float32)


def write_rollouts(run: RunFolder, stage: GeneratorStage, sampling: Sampling, name: str = "rollout") -> None:
    """Generate sound for a few validation crops; write it beside the real sound as WAV files."""
    generator, vae, held = stage.average.module, stage.caches.latents.vae, stage.held
    with evaluating(generator), evaluating(vae):
        latents = generate_latents(generator, held.fixed(SAMPLES).grids, [0] * SAMPLES, sampling)  # type: ignore[arg-type]
        waves = vae.decode(vae.denormalise(latents.transpose(1, 2)))
    for index, made in enumerate(waves):
        write_wave(_path(run, name, index, "made"), made)
        clip, start = held.fixed_clip(index, SAMPLES)
        pcm = clip.audio()[start * HOP_SAMPLES :][: made.shape[1]]
        write_wave(_path(run, name, index, "real"), torch.from_numpy(pcm.astype(np.float32).T / 32768.0))


def _path(run: RunFolder, name: str, index: int, kind: str) -> Path:
    return run.path / "samples" / f"{name}{index}_{kind}.wav"
