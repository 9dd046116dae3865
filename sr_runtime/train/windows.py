"""Crops of picture features with the latents of their sound: what both generator stages learn from.

Used by :mod:`sr_runtime.train.diffusion` and :mod:`sr_runtime.train.consistency`. Features stay on disk and
are mapped; latents (8 MB an hour) are in memory.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sr_runtime.data.store import Clip
from sr_runtime.errors import TrainingError
from sr_runtime.train.features import FeatureCache
from sr_runtime.train.latents import LatentCache
from sr_runtime.train.sources import simulated_source, steady_source


class Windows(NamedTuple):
    """A batch of crops.

    Attributes:
        grids: float32 (B, T, c, h, w), what each hop sees; held pictures are there twice.
        latents: float32 (B, T, 64), normalised to σ_data: what is to be learned, and what is looked back on.
    """

    grids: Tensor
    latents: Tensor


class WindowSampler:
    """Draws crops from clips whose features and latents are cached.

    Args:
        clips: what to draw from; shorter ones than a crop are left out.
        features: filled cache.
        latents: filled cache.
        crop_hops: length of a crop.
        source_share: share of crops with a simulated source instead of a steady 30 frames/s.
        quiet_share: share drawn uniformly; the others are drawn by how much happens in the latents.
        lookahead_hops: how many hops ahead of its own a picture is shown.
    """

    def __init__(
        self,
        clips: list[Clip],
        features: FeatureCache,
        latents: LatentCache,
        crop_hops: int,
        source_share: float = 0.5,
        quiet_share: float = 0.4,
        lookahead_hops: int = 0,
    ) -> None:
        self.crop_hops, self.source_share, self.quiet_share = crop_hops, source_share, quiet_share
        self.lookahead_hops = lookahead_hops
        self.clips = [clip for clip in clips if clip.hops >= crop_hops]
        if not self.clips:
            raise TrainingError(
                f"none of {len(clips)} clips has {crop_hops} hops ({crop_hops / 30:.1f} s); record longer "
                f"clips or give --set crop_hops=<fewer>"
            )
        self.features = [features.read(clip) for clip in self.clips]
        self.latents = [latents.read(clip) for clip in self.clips]
        vae = latents.vae
        self._mean, self._scale = vae.latent_mean.numpy(), 2.0 * vae.latent_std.numpy()
        self._starts, self._weights = self._weigh()

    def draw(self, count: int, rng: np.random.Generator) -> Windows:
        """Return ``count`` random crops with sampled latents."""
        loud = np.searchsorted(np.cumsum(self._weights), rng.random(count) * self._weights.sum())
        anywhere = rng.integers(0, len(self._starts), count)
        chosen = np.where(rng.random(count) < self.quiet_share, anywhere, loud)
        crops = [self._crop(self._starts[min(i, len(self._starts) - 1)], rng) for i in chosen]
        return Windows(*(torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True)))

    def fixed(self, count: int) -> Windows:
        """Return ``count`` crops, evenly spread, steady source, mean latents: the same every time."""
        crops = [self._crop(self._starts[i], None) for i in self._evenly(count)]
        return Windows(*(torch.from_numpy(np.stack(part)) for part in zip(*crops, strict=True)))

    def fixed_clip(self, index: int, count: int) -> tuple[Clip, int]:
        """Return the clip and first hop of the ``index``-th crop of :meth:`fixed`."""
        clip, start = self._starts[self._evenly(count)[index]]
        return self.clips[int(clip)], int(start)

    def _evenly(self, count: int) -> npt.NDArray[np.intp]:
        return np.linspace(0, len(self._starts) - 1, count).astype(np.intp)

    def _weigh(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        starts, weights = [], []
        for number, (mean, _) in enumerate(self.latents):
            normalised = (mean.astype(np.float32) - self._mean) / self._scale
            activity = np.abs(np.diff(normalised, axis=0, prepend=normalised[:1])).mean(1)
            total = np.concatenate(([0.0], np.cumsum(activity, dtype=np.float64)))
            last = len(mean) - self.crop_hops
            starts.append(np.stack((np.full(last + 1, number), np.arange(last + 1)), 1))
            weights.append((total[self.crop_hops :] - total[: last + 1]) / self.crop_hops + 1e-6)
        return np.concatenate(starts), np.concatenate(weights)

    def _crop(
        self, place: npt.NDArray[np.int64], rng: np.random.Generator | None
    ) -> tuple[npt.NDArray[np.float32], ...]:
        clip, start, hops = int(place[0]), int(place[1]), self.crop_hops
        simulate = rng is not None and rng.random() < self.source_share
        seen = simulated_source(hops, rng) if simulate and rng is not None else steady_source(hops)
        ahead = start + self.lookahead_hops
        grids = np.asarray(self.features[clip][ahead : ahead + hops], np.float32)
        grids = grids[np.minimum(seen, len(grids) - 1)]  # nothing is seen after the clip's end
        mean, logvar = (part[start : start + hops].astype(np.float32) for part in self.latents[clip])
        if rng is not None:
            mean = mean + np.exp(0.5 * logvar) * rng.standard_normal(mean.shape, np.float32)
        return grids, (mean - self._mean) / self._scale
