"""Stage 2: tune the generator to need few evaluations (Easy Consistency Tuning, Algorithm 2).

Called by ``sr-runtime train stage2``. Two noise levels t > r of the same token with the same noise: what the
head makes of the noisier one is pulled to what it makes of the other. The gap closes over the run; r = 0 is
the clean token, so the first stage is plain denoising.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import torch
from torch import Tensor, nn

from sr_runtime.data.store import ClipStore
from sr_runtime.errors import TrainingError
from sr_runtime.model.edm import (
    CF,
    CONSISTENCY_TIMES,
    ECT_MAPPINGS,
    SIGMA_MIN,
    ECTMapping,
    ect_distance,
    ect_earlier_time,
    ect_weight,
    sample_sigma,
)
from sr_runtime.model.generator import Generator
from sr_runtime.model.presets import config_to_dict, preset
from sr_runtime.train.diffusion import conditions_and_targets
from sr_runtime.train.generator_stage import Caches, FillReport, GeneratorStage, build_generator
from sr_runtime.train.loop import Reporter, TrainingLoop
from sr_runtime.train.rollout import Sampling, write_rollouts
from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.settings import ConsistencySettings
from sr_runtime.train.windows import Windows


def stage_at(progress: float, mapping: ECTMapping) -> int:
    """Return the stage s of the mapping at a run's progress: equal shares, the last one to the end.

    Example:
        >>> stage_at(0.0, CF), stage_at(0.5, CF), stage_at(1.0, CF)
        (0, 4, 7)
    """
    return min(mapping.stages - 1, int(progress * mapping.stages))


@contextmanager
def same_randomness(state: Tensor, device: torch.device) -> Iterator[None]:
    """Run a block with dropout drawn as after ``state`` (of :func:`random_state`)."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
    yield


def random_state(device: torch.device) -> Tensor:
    """Return the state of the generator that dropout on ``device`` draws from."""
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def consistency_loss(
    generator: Generator,
    z: Tensor,
    clean: Tensor,
    times: tuple[Tensor, Tensor],
    noise: Tensor,
    mapping: ECTMapping = CF,
) -> Tensor:
    """Return the loss of Algorithm 2, a scalar.

    The teacher is the network itself without gradient (μ = 0), with the student's dropout mask.

    Args:
        generator: for its head.
        z: float32 (N, 2·width); computed once, the teacher takes it detached.
        clean: x⁰, float32 (N, 64).
        times: t and r < t, (N,) each; r = 0 makes the clean token the target.
        noise: ε of both levels, float32 (N, 64).
        mapping: weighting and distance.
    """
    later, earlier = times
    state = random_state(z.device)
    student = generator.head(clean + later[:, None] * noise, later, z)
    with torch.no_grad(), same_randomness(state, z.device):
        floor = earlier.clamp_min(SIGMA_MIN)
        teacher = generator.head(clean + earlier[:, None] * noise, floor, z.detach())
        target = torch.where(earlier[:, None] > 0, teacher, clean)
    distance = ect_distance(student.float() - target.float(), mapping)
    return (ect_weight(later, earlier, mapping) * distance).mean()


class ConsistencyPass(nn.Module):
    """Condition and loss as one module, so that mixed precision covers both."""

    def __init__(self, generator: Generator, settings: ConsistencySettings) -> None:
        super().__init__()
        self.generator, self.settings = generator, settings
        self.mapping = ECT_MAPPINGS[settings.recipe.upper()]

    def forward(self, batch: Windows, drop: Tensor, progress: float) -> Tensor:
        """Return the loss of a batch at a run's progress."""
        mapping = self.mapping
        z, clean = conditions_and_targets(self.generator, batch, drop, self.settings)
        later = sample_sigma((len(clean),), mapping.p_mean, mapping.p_std, clean.device)
        earlier = ect_earlier_time(later, stage_at(progress, mapping), mapping)
        noise = torch.randn_like(clean)
        return consistency_loss(self.generator, z, clean, (later, earlier), noise, mapping)


class ConsistencyStage(GeneratorStage):
    """Algorithm 2 as a stage of the loop."""

    name = "stage2"

    def build_pass(self, generator: Generator) -> nn.Module:
        """See :class:`GeneratorStage`."""
        assert isinstance(self.settings, ConsistencySettings)
        return ConsistencyPass(generator, self.settings)

    def loss(self, module: nn.Module, batch: Windows, drop: Tensor, progress: float) -> dict[str, Tensor]:
        """See :class:`GeneratorStage`."""
        return {"loss": module(batch, drop, progress)}

    def write_samples(self, run: RunFolder) -> None:
        """See :class:`GeneratorStage`."""
        for evaluations in (1, 4):
            sampling = Sampling(consistency_times=CONSISTENCY_TIMES[evaluations])
            write_rollouts(run, self, sampling, name=f"nfe{evaluations}_")


def train_stage2(
    data: Path,
    out: Path,
    vae: Path,
    settings: ConsistencySettings,
    init: Path,
    backbone_weights: Path | None = None,
    report: Reporter | None = None,
    fill_report: FillReport | None = None,
    stop_after: int | None = None,
) -> bool:
    """Tune a stage-1 generator for few evaluations, or go on where ``out`` stands.

    Args:
        data: the clip store.
        out: the run folder.
        vae: network folder of the autoencoder.
        settings: see :class:`ConsistencySettings`.
        init: network folder of stage 1.
        backbone_weights: for backbones whose weights come with no package (DINOv2).
        report: called with every logged step.
        fill_report: called while features and latents are computed.
        stop_after: end after this many steps of this call.

    Returns:
        Whether the run is complete.

    Raises:
        TrainingError: when ``init`` holds no network.
    """
    if not (init / "config.json").exists():
        raise TrainingError(f"{init} holds no network; train stage 1 first and name its run with --init")
    run = RunFolder(out)
    torch.manual_seed(settings.seed)
    generator = build_generator(preset(settings.preset), init, settings)
    if settings.tuned == "head":
        generator.requires_grad_(False).diffusion_head.requires_grad_(True)
    caches = Caches(
        ClipStore(data),
        vae,
        generator.config,
        settings,
        backbone_weights,
        fill_report,
        fit=generator.pca.fit(),
    )
    stage = ConsistencyStage(caches, settings, generator)
    run.write_config(
        {
            "stage": "stage2",
            "settings": msgspec.to_builtins(settings),
            "model": config_to_dict(generator.config),
        }
    )
    return TrainingLoop(stage, run, settings, report, stop_after).train()
