"""Shaped noise for a decoder: band levels in, overlap-add windows of noise out, no waveform to be learned.

Gunshots, doors, growls and explosions are mostly noise under a moving envelope. A decoder that has to draw
every sample of it spends its training on phases that nobody hears; here it only sets levels, and its waveform
output is left with what has a phase worth drawing. Same idea as the filtered noise of DDSP (Engel et al.
2020) and of harmonic-plus-noise models before it.

::

    levels (B, steps, 3·bands) ─ exp, spread over the bins ─ × white spectra ─ inverse DFT ─ × sine window

Called by :mod:`sr_runtime.model.vae_compact`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from sr_runtime.types import SAMPLE_RATE

TABLE, SIGNS = 97, 101
"""Lengths of the two stored noise tables: primes, so that their product repeats only after 9797 steps (41 s),
and no two steps in between correlate, since the signs differ."""

LOG_LEVEL_RANGE = (-12.0, 1.0)
"""Natural log of a band's standard deviation: −104 dB to +9 dB."""


class NoiseBands(nn.Module):
    """Levels of a common and a side noise → windows of stereo sound.

    Left is ``common_left · n₁ + side · n₂`` and right ``common_right · n₁ − side · n₂``: a panned source is
    one noise at two levels, width comes from the second one.

    Args:
        bands: Bands per level set, equally spaced on the mel scale up to 24 kHz.
        size: Samples of a window: two steps.
    """

    table: Tensor
    signs: Tensor
    spread: Tensor
    basis: Tensor

    def __init__(self, bands: int, size: int) -> None:
        super().__init__()
        self.bands, self.size = bands, size
        chance = torch.Generator().manual_seed(2510_02110)
        table = torch.randn(TABLE, 2, size, generator=chance)
        signs = torch.randint(0, 2, (SIGNS, 2, size), generator=chance) * 2.0 - 1.0
        self.register_buffer("table", table, persistent=False)
        self.register_buffer("signs", signs, persistent=False)
        self.register_buffer("spread", band_spread(bands, size), persistent=False)
        self.register_buffer("basis", windowed_basis(size), persistent=False)

    def forward(self, levels: Tensor, position: Tensor) -> Tensor:
        """Make windows.

        Args:
            levels: Natural logs, (B, steps, 3·bands): left, right, side.
            position: How many steps were made before, float32 (B,), a whole number.

        Returns:
            float32 (B, steps, 2, size).
        """
        batch, steps, _ = levels.shape
        bounded = levels.float().reshape(batch, steps, 3, self.bands).clamp(*LOG_LEVEL_RANGE)
        left, right, side = torch.matmul(bounded, self.spread).exp().unbind(2)
        index = position.long().unsqueeze(1) + torch.arange(steps, device=levels.device)
        white = self.table[torch.remainder(index, TABLE)] * self.signs[torch.remainder(index, SIGNS)]
        common, wide = white[:, :, 0], side * white[:, :, 1]
        return torch.matmul(torch.stack((left * common + wide, right * common - wide), dim=2), self.basis)


def advance(position: Tensor, steps: int) -> Tensor:
    """Return the position after ``steps`` more, kept small so that float32 counts it exactly for ever."""
    return torch.remainder(position + steps, float(TABLE * SIGNS))


def _mel(hertz: Tensor) -> Tensor:
    return 2595.0 * torch.log10(1.0 + hertz / 700.0)


def band_spread(bands: int, size: int) -> Tensor:
    """Return the matrix (bands, size) that interpolates band levels to the coefficients of a real DFT."""
    bins = torch.linspace(0.0, SAMPLE_RATE / 2, size // 2 + 1)
    place = _mel(bins) / _mel(bins[-1]) * (bands - 1)
    weights = (1.0 - (place.unsqueeze(0) - torch.arange(bands).unsqueeze(1)).abs()).clamp_min(0.0)
    return torch.cat((weights, weights[:, 1:-1]), dim=1)


def windowed_basis(size: int) -> Tensor:
    """Return an orthonormal real Fourier basis (size, size), each row under a sine window.

    Sine windows that overlap by half add up to constant power, so noise of steady levels has steady loudness.
    """
    time = torch.arange(size, dtype=torch.float64)
    frequency = torch.arange(size // 2 + 1, dtype=torch.float64)
    phase = 2.0 * math.pi / size * frequency.unsqueeze(1) * time
    rows = torch.cat((phase.cos(), phase[1:-1].sin())) * math.sqrt(2.0 / size)
    rows[0] *= math.sqrt(0.5)
    rows[size // 2] *= math.sqrt(0.5)
    return (rows * torch.sin(math.pi * (time + 0.5) / size)).float()


def log_spectrum_basis(size: int) -> Tensor:
    """Return the Hann-windowed DFT (size, 2·bins) as one matrix, cosines before sines, for analysis."""
    time = torch.arange(size, dtype=torch.float64)
    phase = 2.0 * math.pi / size * time.unsqueeze(1) * torch.arange(size // 2 + 1, dtype=torch.float64)
    window = torch.hann_window(size, dtype=torch.float64).unsqueeze(1)
    window = window / window.square().sum().sqrt()
    return (torch.cat((phase.cos(), phase.sin()), dim=1) * window).float()
