"""What a generator would have played itself: histories in which it meets its own mistakes in training.

Teacher-forced, a generator only ever looks back on true sound; live, it looks back on its own. Training on
recordings of its own play with the true sound as the goal is meant to close that gap (DAgger: Ross, Gordon
and Bagnell, 2011; one round, computed ahead). Called by the caches of both generator stages.

It does harm where sound is not ruled by the picture: a history that has parted from the truth says nothing
of it, and a network that learns from such histories stops looking back and draws every hop by itself
(measured: ``docs/training/mini``). So play can be short: ``stretch`` hops of its own, then as many in which
it is led back along the truth.

    STORE/histories/<network>[-<stretch>]/<clip_id>.npy     float16 (hops, 64), normalised latents
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.model.checkpoint import load_generator
from sr_runtime.model.edm import CONSISTENCY_TIMES
from sr_runtime.train.features import FeatureCache
from sr_runtime.train.latents import LatentCache, network_key
from sr_runtime.train.rollout import Sampling, generate_latents
from sr_runtime.types import HOP_HZ

Half = npt.NDArray[np.float16]

ROWS = 32
"""Clips that are played side by side."""

SAMPLING = Sampling(guidance=1.5, consistency_times=CONSISTENCY_TIMES[4])
"""As the shipped model is played."""


def spread(clips: list[Clip], hours: float) -> list[Clip]:
    """Return clips that last ``hours`` together, at least one, evenly spread over the list, or all of it."""
    share = max(hours * 3600 * HOP_HZ / sum(clip.hops for clip in clips), 1 / len(clips))
    if share >= 1.0:
        return clips
    return [clip for k, clip in enumerate(clips) if int((k + 1) * share) > int(k * share)]


class HistoryCache:
    """A generator's own latents for a store's clips, each played from a cold start.

    Args:
        store: where the clips are.
        network: network folder of a generator after stage 2.
        features: what it sees; filled.
        latents: of the true sound; filled.
        stretch: hops that it plays before it is led back; 0 = it is never led back.
    """

    def __init__(
        self, store: ClipStore, network: Path, features: FeatureCache, latents: LatentCache, stretch: int = 0
    ) -> None:
        self.network, self.features, self.latents, self.stretch = network, features, latents, stretch
        name = f"{network_key(network)}-{stretch}" if stretch else network_key(network)
        self.folder = store.root / "histories" / name
        self.folder.mkdir(parents=True, exist_ok=True)

    def fill(self, clips: list[Clip], report: Callable[[int, int], None] | None = None) -> None:
        """Play what is missing, clips of one length side by side; ``report`` is told how many are done.

        A clip's seed is its place in ``clips``: interrupted or not, the same is played.
        """
        seeds = {clip.clip_id: place for place, clip in enumerate(clips)}
        missing = sorted(
            (clip for clip in clips if not self._path(clip).exists()), key=lambda clip: clip.hops
        )
        done = len(clips) - len(missing)
        generator = load_generator(self.network).eval() if missing else None
        while missing:
            same = [clip for clip in missing if clip.hops == missing[0].hops][:ROWS]
            assert generator is not None
            grids = torch.from_numpy(np.stack([self.features.read(clip) for clip in same]))
            places = [seeds[clip.clip_id] for clip in same]
            latents = generate_latents(generator, grids, places, SAMPLING, self._given(same))
            for clip, played in zip(same, latents, strict=True):
                self._write(clip, played.half().numpy())
            missing = missing[len(same) :]
            done += len(same)
            if report:
                report(done, len(clips))

    def read(self, clip: Clip) -> Half | None:
        """Return a clip's own latents, float16 (hops, 64), normalised; None for a clip not played."""
        path = self._path(clip)
        return np.load(path) if path.exists() else None

    def _given(self, clips: list[Clip]) -> dict[int, Tensor] | None:
        """Return the true latents (B, 64) of the hops in which clips of one length are led back, by hop."""
        if not self.stretch:
            return None
        true = torch.from_numpy(np.stack([self.latents.normalised(clip) for clip in clips]))
        return {hop: true[:, hop] for hop in range(true.shape[1]) if hop // self.stretch % 2 == 0}

    def _write(self, clip: Clip, played: Half) -> None:
        partial = self.folder / f".{clip.clip_id}.partial.npy"
        np.save(partial, played)
        partial.replace(self._path(clip))

    def _path(self, clip: Clip) -> Path:
        return self.folder / f"{clip.clip_id}.npy"
