"""Steer rollouts as a bundle does (:mod:`sr_runtime.model.steering`), by pictures known beforehand."""

from __future__ import annotations

import torch
from torch import Tensor

from sr_runtime.model.steering import Steering


class Turning:
    """Steers a rollout: its change of latents.

    Args:
        steering: What turns.
        told: What it is told at each hop, dB, (rows, hops); see :func:`told_by`.
    """

    def __init__(self, steering: Steering, told: Tensor) -> None:
        self.steering, self.told = steering, told
        self._turned = self._seen = 0

    def __call__(self, hop: int, latents: Tensor) -> Tensor:
        """Return a hop's latents (rows, 64), turned where need be.

        Past the end of what is told it begins again.
        """
        with torch.autocast(latents.device.type, enabled=False):
            told = self.told[:, hop % self.told.shape[1]]
            self._turned += int(self.steering.is_wrong(latents, told).sum())
            self._seen += len(latents)
            return self.steering.turn(latents, told)

    @property
    def share(self) -> float:
        """Share of hops that were turned so far."""
        return self._turned / max(self._seen, 1)


def told_by(steering: Steering, grids: Tensor) -> Tensor:
    """Return what one picture after the other tells, smoothed, dB, (hops,), for grids (hops, c, h, w)."""
    told = [torch.zeros(1)]
    for grid in grids:
        told.append(steering.tell(grid[None], told[-1]))
    return torch.cat(told[1:])
