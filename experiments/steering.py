"""Does it help to turn the sound to the side that the picture tells?

    python -m experiments.steering --data STORE --vae VAE --out DIR --generator RUN

A linear map from the picture's features says by how much left should be louder than right
(:mod:`experiments.limits`). Where a hop's latents lean to the other side they are mirrored: replaced by those
whose levels are theirs with left and right exchanged. What is mirrored is what the next hop looks back on, so
a sound stays where it was turned to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from torch import Tensor

from experiments.codec import load_compact
from experiments.limits import BACK, WINDOW_HOPS, PanningMap, columns_of, panned_windows
from experiments.listening import Figures, Panel, takes_of
from experiments.runner import rollout_line
from experiments.stores import features_for, spread
from experiments.subject import Subject, main
from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.errors import DataError
from sr_runtime.evaluate.paired import FloatArray
from sr_runtime.evaluate.provenance import git_commit
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.model.checkpoint import load_generator
from sr_runtime.model.generator import Generator
from sr_runtime.model.vae_compact import CompactVAE
from sr_runtime.train.latents import network_key

SMOOTHING = 0.9
"""Share of what was told before in what is told now, hop by hop. On other clips than a report's, sounds jump
from side to side 0.47 times a second with 0.6, 0.30 with 0.8, 0.20 with this; 0.29 untouched, 0.11 really."""

LEAST_DB = 1.0
"""Told panning below this turns nothing."""

LEAST_BALANCE = 0.05
"""Natural logs of left over right, below which a sound has no side to be turned from."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One way of playing.

    Attributes:
        label: As the table calls it.
        figures: Of each seed.
        turned: Share of hops that were mirrored.
    """

    label: str
    figures: list[Figures]
    turned: float


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """The table.

    Attributes:
        rows: As drawn, and turned.
        clips: How many were sounded.
        seeds: Of the takes.
        network: First characters of the weights' sha256.
        command: What makes it again.
        commit: Of the code.
    """

    rows: list[Row]
    clips: int
    seeds: int
    network: str
    command: str
    commit: str


def measure(subject: Subject) -> Steering:
    """Sound the validation clips as they are drawn, and turned to the side that the picture tells."""
    store = subject.store
    panel = Panel.of(store, subject.clips, tuning=False, yamnet=Yamnet(torch.get_num_threads()))
    generator, autoencoder = load_generator(subject.network), load_compact(subject.vae)
    told = told_panning(
        generator, store, spread(store.clips("train"), subject.hours), [clip.clip for clip in panel.clips]
    )
    turning = Turning(told.repeat(subject.seeds, 1), Mirror.of(autoencoder))
    rows = []
    ways: dict[str, Turning | None] = {"as drawn": None, "turned as the picture tells": turning}
    for label, change in ways.items():
        takes = takes_of(
            generator,
            autoencoder,
            panel,
            subject.sampling,
            list(range(subject.seeds)),
            report=rollout_line(label),
            change=change,
        )
        rows.append(
            Row(
                label=label,
                figures=[panel.judge(each) for each in takes],
                turned=0.0 if change is None else turning.share,
            )
        )
    return Steering(
        rows=rows,
        clips=len(panel.clips),
        seeds=subject.seeds,
        network=network_key(subject.network),
        command=subject.command,
        commit=git_commit(),
    )


def told_panning(
    generator: Generator, store: ClipStore, training: Sequence[Clip], clips: Sequence[Clip]
) -> Tensor:
    """Return by how much left should be louder than right, dB, float32 (clips, hops of the longest).

    Args:
        generator: Whose picture features are looked at.
        store: Where the clips are.
        training: Clips that the linear map is fitted to.
        clips: Clips to tell it of; shorter ones end with 0.

    Raises:
        DataError: Nothing is clearly panned in what is to be fitted to.
    """
    fitted = list(panned_windows(generator, store, training))
    if not fitted:
        raise DataError(
            f"{store.root}: none of its training clips is clearly panned, so no side can be learned"
        )
    telling = PanningMap.of(*(np.concatenate(part) for part in zip(*fitted, strict=True)))
    cache, told = features_for(generator, store, clips), np.zeros((len(clips), max(c.hops for c in clips)))
    for row, clip in zip(told, clips, strict=True):
        with torch.no_grad():
            grids = generator.grids(torch.from_numpy(np.array(cache.read(clip)))[None].float())[0]
        row[: clip.hops] = telling(columns_of(grids, [WINDOW_HOPS * windows for windows in BACK]))
    return torch.from_numpy(smoothed(told)).float()


def smoothed(told: FloatArray) -> FloatArray:
    """Return what is told (clips, hops), each hop with what was told before, causally."""
    found = told.copy()
    for hop in range(1, told.shape[1]):
        found[:, hop] = SMOOTHING * found[:, hop - 1] + (1 - SMOOTHING) * told[:, hop]
    return found


@dataclass(frozen=True)
class Mirror:
    """Exchanges left and right of a latent, as a linear code can.

    Attributes:
        levels: Map from a latent, normalised and held, to the decoder's levels, (steps, 3, bands, 64).
        silence: Its constant, (steps, 3, bands).
        matrix: From a latent to that of the exchanged levels, (64, 64).
        constant: Its constant, (64,).
    """

    levels: Tensor
    silence: Tensor
    matrix: Tensor
    constant: Tensor

    @classmethod
    def of(cls, vae: CompactVAE) -> Mirror:
        """Read it off a decoder: the latent whose levels are nearest to the exchanged ones."""
        decoder, size = vae.decoder, vae.config.latent
        held = decoder.line.weight.detach().double().reshape(len(decoder.line.bias), -1, size).sum(1)
        constant = held @ vae.latent_mean.double() + decoder.line.bias.detach().double()
        held = held * (2.0 * vae.latent_std.double())
        shape = decoder.steps, 3, decoder.noise.bands
        levels, silence = held.reshape(*shape, size), constant.reshape(shape)
        exchanged = levels[:, [1, 0, 2]].reshape(-1, size)
        back = torch.linalg.pinv(held)
        offset = back @ (silence[:, [1, 0, 2]].flatten() - constant)
        return cls(levels.float(), silence.float(), (back @ exchanged).float(), offset.float())

    def __call__(self, latents: Tensor) -> Tensor:
        """Return latents (B, 64) with left and right exchanged."""
        return latents @ self.matrix.T + self.constant

    def levels_of(self, latents: Tensor) -> Tensor:
        """Return the decoder's levels of latents (B, 64) held, natural logs, (B, steps, 3, bands)."""
        return torch.einsum("skbn,tn->tskb", self.levels, latents) + self.silence

    def balance(self, latents: Tensor) -> Tensor:
        """Return left over right (B,) of latents (B, 64), natural logs, mean over bands by their power."""
        left, right, _ = self.levels_of(latents).unbind(2)
        power = (left + right).exp()
        return ((left - right) * power).sum((1, 2)) / power.sum((1, 2))


class Turning:
    """Mirrors the latents that lean to the other side than the picture tells.

    Args:
        told: Panning, dB, (B, hops).
        mirror: Of the autoencoder.
    """

    def __init__(self, told: Tensor, mirror: Mirror) -> None:
        self.told, self.mirror = told, mirror
        self._turned = self._seen = 0

    def __call__(self, hop: int, latents: Tensor) -> Tensor:
        """Return a hop's latents (B, 64), turned where need be."""
        with torch.autocast("cpu", enabled=False):
            balance, told = self.mirror.balance(latents), self.told[:, hop]
            is_sure = (told.abs() > LEAST_DB) & (balance.abs() > LEAST_BALANCE)
            is_wrong = is_sure & (balance.sign() != told.sign())
            self._turned, self._seen = self._turned + int(is_wrong.sum()), self._seen + len(latents)
            return torch.where(is_wrong[:, None], self.mirror(latents), latents)

    @property
    def share(self) -> float:
        """Share of hops that were mirrored so far."""
        return self._turned / max(self._seen, 1)


if __name__ == "__main__":
    main("steering", measure, default_seeds=3)
