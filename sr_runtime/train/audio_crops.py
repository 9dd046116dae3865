"""Random crops of a store's sound, loud ones preferred: the autoencoder's training and validation material.

Used by :mod:`sr_runtime.train.vae`. All sound is kept in memory as int16 (1.4 GB for two hours).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.errors import TrainingError
from sr_runtime.types import HOP_SAMPLES

GAIN_DB = (-6.0, 3.0)
"""Range of the random gain. Small, since loudness is part of what a game's sounds are."""


class AudioCrops:
    """Draws crops of ``crop_hops`` from the clips known so far.

    Args:
        store: where the clips are.
        split: ``train`` or ``validation``.
        crop_hops: length of a crop in hops of 1600 samples.
        quiet_share: share of crops drawn uniformly; the others are drawn with weight √rms.
    """

    def __init__(self, store: ClipStore, split: str, crop_hops: int, quiet_share: float) -> None:
        self.store, self.split, self.crop_hops, self.quiet_share = store, split, crop_hops, quiet_share
        self.clip_ids: list[str] = []
        self._audio: list[npt.NDArray[np.int16]] = []
        self._starts = np.zeros((0, 2), np.int64)
        self._loudness = np.zeros(0)

    @property
    def hours(self) -> float:
        """Return how much sound is loaded."""
        return sum(len(a) for a in self._audio) / (48_000 * 3600)

    def rescan(self) -> int:
        """Load clips that have appeared in the store since the last call; returns how many."""
        fresh = [c for c in self.store.clips(self.split) if c.clip_id not in set(self.clip_ids)]
        for clip in fresh:
            self._add(clip)
        return len(fresh)

    def restore(self, clip_ids: list[str]) -> None:
        """Load exactly these clips, in this order, so that a resumed run draws the same crops."""
        known = {clip.clip_id: clip for clip in self.store.clips(self.split)}
        if missing := [c for c in clip_ids if c not in known]:
            raise TrainingError(f"{self.store.root} lacks clips that the run was trained on: {missing[:3]} …")
        self.__init__(self.store, self.split, self.crop_hops, self.quiet_share)  # type: ignore[misc]
        for clip_id in clip_ids:
            self._add(known[clip_id])

    def draw(self, count: int, rng: np.random.Generator) -> Tensor:
        """Return ``count`` augmented crops, float32 (count, 2, crop_hops · 1600), −1..1."""
        self._check_not_empty()
        loud = np.searchsorted(np.cumsum(self._loudness), rng.random(count) * self._loudness.sum())
        anywhere = rng.integers(0, len(self._loudness), count)
        chosen = np.where(rng.random(count) < self.quiet_share, anywhere, loud).clip(
            max=len(self._starts) - 1
        )
        return torch.stack([self._augmented(int(i), rng) for i in chosen])

    def fixed(self, count: int) -> Tensor:
        """Return ``count`` crops without augmentation, spread over loud and quiet: the same every time."""
        self._check_not_empty()
        rng = np.random.default_rng(1234)
        order = np.argsort(-self._loudness, kind="stable")
        share = order[: max(count, int(len(order) * 0.6))]
        chosen = rng.choice(share, count, replace=len(share) < count)
        return torch.stack([_to_wave(self._cut(int(i))) for i in chosen])

    def _check_not_empty(self) -> None:
        if not len(self._loudness):
            raise TrainingError(
                f"no {self.split} clips of {self.crop_hops} hops or more in {self.store.root}; record with "
                f"sr-runtime record --out {self.store.root}"
            )

    def _add(self, clip: Clip) -> None:
        audio = clip.audio()
        self.clip_ids.append(clip.clip_id)
        self._audio.append(audio)
        last = clip.hops - self.crop_hops
        if last < 0:
            return
        power = np.square(audio.astype(np.float32) / 32768).reshape(clip.hops, -1).mean(1)
        total = np.concatenate(([0.0], np.cumsum(power, dtype=np.float64)))
        rms = np.sqrt(np.maximum(total[self.crop_hops :] - total[: last + 1], 0.0) / self.crop_hops)
        starts = np.stack((np.full(last + 1, len(self._audio) - 1), np.arange(last + 1)), 1)
        self._starts = np.concatenate((self._starts, starts))
        self._loudness = np.concatenate((self._loudness, np.sqrt(rms) + 1e-6))

    def _cut(self, index: int) -> npt.NDArray[np.int16]:
        clip, hop = self._starts[index]
        audio = self._audio[int(clip)]
        return audio[hop * HOP_SAMPLES : (hop + self.crop_hops) * HOP_SAMPLES]

    def _augmented(self, index: int, rng: np.random.Generator) -> Tensor:
        wave = _to_wave(self._cut(index))
        if rng.random() < 0.5:
            wave = wave.flip(0)
        gain = 10 ** (rng.uniform(*GAIN_DB) / 20)
        return wave * min(gain, 1.0 / max(float(wave.abs().max()), 1e-3))


def _to_wave(pcm: npt.NDArray[np.int16]) -> Tensor:
    """Turn int16 (S, 2) into float32 (2, S)."""
    return torch.from_numpy(pcm.astype(np.float32).T / 32768.0).contiguous()
