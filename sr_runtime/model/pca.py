"""PCA over grid channels: fewer channels to store, to read and to learn from.

Fitted once on training frames; a linear map, so the difference of projections is the projection of the
difference. Called by feature precomputation, and exported inside the vision graph.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_runtime.errors import ConfigError


class PCAFit(NamedTuple):
    """Result of a fit.

    Attributes:
        mean: (C,).
        basis: (k, C), orthogonal rows, scaled so that the projected grid has mean variance 1.
        explained: (C,), cumulative share of variance per number of components.
    """

    mean: Tensor
    basis: Tensor
    explained: Tensor

    def components_for(self, level: float) -> int:
        """Return how many components reach the cumulative explained variance ``level`` (0..1)."""
        return int((self.explained < level).sum()) + 1


def fit_pca(tokens: Tensor, components: int) -> PCAFit:
    """Fit on grid tokens (N, C), any float dtype; 10⁵ random tokens are plenty for C ≤ 384.

    All components share one scale, so that the relative variances the encoder learned stay.

    Raises:
        ConfigError: Fewer channels or tokens than components.
    """
    count, channels = tokens.shape
    if components > min(count - 1, channels):
        raise ConfigError(
            f"vision.pca: {components} components asked of {count} tokens × {channels} channels"
        )
    exact = tokens.double()
    mean = exact.mean(dim=0)
    centred = exact - mean
    variances, vectors = torch.linalg.eigh(centred.T @ centred / (count - 1))
    variances, vectors = variances.flip(0).clamp_min(0), vectors.flip(1)
    scale = variances[:components].mean().clamp_min(1e-12).rsqrt()
    explained = variances.cumsum(0) / variances.sum().clamp_min(1e-12)
    return PCAFit(mean.float(), (vectors[:, :components].T * scale).float(), explained.float())


class PCAProjection(nn.Module):
    """Project a raw grid (B, C, h, w) to (B, k, h, w); the identity where ``components`` is None."""

    mean: Tensor
    basis: Tensor

    def __init__(self, channels: int, components: int | None) -> None:
        super().__init__()
        self.is_identity = components is None
        if components is not None:
            self.register_buffer("mean", torch.zeros(channels))
            self.register_buffer("basis", torch.eye(components, channels))

    def set_fit(self, fit: PCAFit) -> None:
        """Take over a fit's mean and basis."""
        self.mean.copy_(fit.mean)
        self.basis.copy_(fit.basis)

    def fit(self) -> PCAFit | None:
        """Return what is projected with (its ``explained`` is not kept: empty); None for the identity."""
        if self.is_identity:
            return None
        return PCAFit(self.mean.clone(), self.basis.clone(), torch.zeros(0))

    def forward(self, grid: Tensor) -> Tensor:
        """Centre and project."""
        if self.is_identity:
            return grid
        return F.conv2d(grid, self.basis[:, :, None, None], -(self.basis @ self.mean))
