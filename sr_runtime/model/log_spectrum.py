"""Log power spectra of stereo windows, as input of an encoder: levels 80 dB apart are then equally visible.

Called by :mod:`sr_runtime.model.vae_compact`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sr_runtime.model.noise_bands import band_spread
from sr_runtime.model.square_dft import SquareDFT

FLOOR_DB = -80.0
"""Added to the power of every band, as for white noise of this level: silence stays finite."""


class LogSpectrum(nn.Module):
    """Windows (B, steps, 2, size) → log levels (B, steps, 2·bands), about −1..1.

    Args:
        size: Samples of a window; see :class:`SquareDFT`.
        bands: Mel bands whose mean power is taken, or None for every bin (size/2 of them).
    """

    window: Tensor
    bands: Tensor | None

    def __init__(self, size: int, bands: int | None = None) -> None:
        super().__init__()
        self.dft = SquareDFT(size)
        window = torch.hann_window(size, dtype=torch.float64)
        scale = math.sqrt(size / 2) / window.square().sum().sqrt()
        self.register_buffer("window", (window * scale).float(), persistent=False)
        self.register_buffer("bands", band_means(bands, size) if bands else None, persistent=False)

    def forward(self, windows: Tensor) -> Tensor:
        """Transform float32 windows of sound, −1..1."""
        cosines, sines = self.dft.analyse(windows.float() * self.window)
        power = cosines.square() + sines.square()
        if self.bands is not None:
            power = torch.matmul(power, self.bands)
        # log(power + floor), written so that no exporter can fold the addition away.
        logs = torch.log1p(power * 10.0 ** (-FLOOR_DB / 10)) + FLOOR_DB / 10 * math.log(10.0)
        return ((0.5 * logs + 4.5) / 4.5).flatten(-2)


def band_means(bands: int, size: int) -> Tensor:
    """Return the matrix (size/2, bands) that averages power; a band narrower than a bin may be empty."""
    weights = band_spread(bands, size)
    return (weights / weights.sum(1, keepdim=True).clamp_min(0.05)).T.contiguous()
