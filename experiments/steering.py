"""Does it help to turn the sound to the side that the picture tells?

    python -m experiments.steering --data STORE --vae VAE --out DIR --generator RUN

What a bundle that steers does (:mod:`sr_runtime.model.steering`), on and off: a linear map from the picture's
features, fitted to other levels, says by how much left should be louder than right, and where a hop's latent
leans to the other side it is mirrored. What is mirrored is what the next hop looks back on.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import torch
from torch import Tensor

from experiments.listening import Figures, Panel, encode
from experiments.stores import features_for, grids_of, spread
from experiments.subject import Subject, main
from experiments.turning import Turning, told_by
from sr_runtime.evaluate.clips import EvaluationClip
from sr_runtime.evaluate.provenance import git_commit
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.model.checkpoint import load_generator, load_vae
from sr_runtime.model.generator import Generator
from sr_runtime.model.steering import Mirror, Steering
from sr_runtime.train.features import FeatureCache
from sr_runtime.train.latents import network_key
from sr_runtime.train.steering import fit_panning
from sr_runtime.types import HOP_HZ

CLEAR_BALANCE = 0.2
"""Natural logs of left over right, from which a sound is clearly on a side."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One way of playing.

    Attributes:
        label: As the table calls it.
        figures: Of each seed.
        turned: Share of hops that were mirrored.
        jumps: How often a second what is clearly on one side is clearly on the other a hop later.
    """

    label: str
    figures: list[Figures]
    turned: float
    jumps: float


class SteeringTable(msgspec.Struct, frozen=True, kw_only=True):
    """The table.

    Attributes:
        rows: As drawn, and turned.
        real_jumps: As of the rows, of the real sound.
        clips: How many were sounded.
        seeds: Of the takes.
        network: First characters of the weights' sha256.
        command: What makes it again.
        commit: Of the code.
    """

    rows: list[Row]
    real_jumps: float
    clips: int
    seeds: int
    network: str
    command: str
    commit: str


def measure(subject: Subject) -> SteeringTable:
    """Sound the validation clips as they are drawn, and turned to the side that the picture tells."""
    store = subject.store
    panel = Panel.of(store, subject.clips, tuning=False, yamnet=Yamnet(torch.get_num_threads()))
    generator, autoencoder = load_generator(subject.network), load_vae(subject.vae)
    training = spread(store.clips("train"), subject.hours)
    features = features_for(generator, store, [*training, *(clip.clip for clip in panel.clips)])
    steering = Steering(fit_panning(generator, features, training)[0], autoencoder).eval()
    told = told_on(steering, generator, features, panel.clips).repeat(subject.seeds, 1)
    ways = {
        "as drawn": Turning(steering, torch.zeros_like(told)),
        "turned as the picture tells": Turning(steering, told),
    }
    rows = []
    for label, turning in ways.items():
        watch = Watch(turning)
        takes = subject.takes(generator, autoencoder, panel, label, watch)
        figures = [panel.judge(each) for each in takes]
        jumps = jumps_per_s(steering.mirror, watch.kept())
        rows.append(Row(label=label, figures=figures, turned=turning.share, jumps=jumps))
    real = [encode(autoencoder, clip.true_audio) for clip in panel.clips]
    return SteeringTable(
        rows=rows,
        real_jumps=float(np.mean([jumps_per_s(steering.mirror, latents[None]) for latents in real])),
        clips=len(panel.clips),
        seeds=subject.seeds,
        network=network_key(subject.network),
        command=subject.command,
        commit=git_commit(),
    )


def told_on(
    steering: Steering, generator: Generator, features: FeatureCache, clips: Sequence[EvaluationClip]
) -> Tensor:
    """Return what pictures tell, dB, float32 (clips, hops of the longest); shorter ones end with 0."""
    told = torch.zeros(len(clips), max(clip.clip.hops for clip in clips))
    for row, clip in zip(told, clips, strict=True):
        row[: clip.clip.hops] = told_by(steering, grids_of(generator, features, clip.clip))
    return told


class Watch:
    """A rollout's change of latents that keeps what came of it."""

    def __init__(self, turning: Turning) -> None:
        self._turning = turning
        self._hops: list[Tensor] = []

    def __call__(self, hop: int, latents: Tensor) -> Tensor:
        """Return a hop's latents (rows, 64), turned."""
        self._hops.append(self._turning(hop, latents))
        return self._hops[-1]

    def kept(self) -> Tensor:
        """Return all latents, (rows, hops, 64)."""
        return torch.stack(self._hops, dim=1)


def jumps_per_s(mirror: Mirror, latents: Tensor) -> float:
    """Return how often a second latents (rows, hops, 64) go from one clear side to the other."""
    balance = mirror.balance(latents.flatten(0, 1).float()).reshape(latents.shape[:2])
    is_clear = balance.abs() > CLEAR_BALANCE
    is_jump = (balance[:, 1:] * balance[:, :-1] < 0) & is_clear[:, 1:] & is_clear[:, :-1]
    return float(is_jump.float().mean()) * HOP_HZ


if __name__ == "__main__":
    main("steering", measure, default_seeds=3)
