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

from sr_runtime.model.square_dft import SquareDFT
from sr_runtime.types import SAMPLE_RATE

SIGNS = (31, 37)
"""Lengths of the two stored tables of signs: primes, so that their product repeats only after 1147 steps, and
no two steps in between correlate."""

LOG_LEVEL_RANGE = (-12.0, 1.0)
"""Natural log of a band's standard deviation: −104 dB to +9 dB."""


class NoiseBands(nn.Module):
    """Levels of a common and a side noise → windows of stereo sound.

    Left is ``common_left · n₁ + side · n₂`` and right ``common_right · n₁ − side · n₂``: a panned source is
    one noise at two levels, width comes from the second one.

    Args:
        bands: Bands per level set, equally spaced on the mel scale up to 24 kHz.
        size: Samples of a window: two steps; see :class:`SquareDFT`.
    """

    signs: Tensor
    more_signs: Tensor
    spread: Tensor
    window: Tensor

    def __init__(self, bands: int, size: int) -> None:
        super().__init__()
        self.bands, self.size = bands, size
        self.dft = SquareDFT(size)
        chance = torch.Generator().manual_seed(2510_02110)
        tables = [torch.randint(0, 2, (length, 2, size), generator=chance) * 2 - 1 for length in SIGNS]
        self.register_buffer("signs", tables[0].to(torch.int8), persistent=False)
        self.register_buffer("more_signs", tables[1].to(torch.int8), persistent=False)
        self.register_buffer("spread", band_spread(bands, size), persistent=False)
        self.register_buffer("window", sine_window(size), persistent=False)

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
        left, right, side = torch.matmul(bounded, self.spread).exp().unsqueeze(-2).unbind(2)
        common, wide = self._white(position, steps).unbind(2)
        spectra = torch.stack((left * common + side * wide, right * common - side * wide), dim=2)
        return self.dft.synthesise(spectra[..., 0, :], spectra[..., 1, :]) * self.window

    def _white(self, position: Tensor, steps: int) -> Tensor:
        """Return two white spectra per step, cosines and sines: ±1, (B, steps, 2, 2, size/2)."""
        index = position.long().unsqueeze(1) + torch.arange(steps, device=position.device)
        first = self.signs[torch.remainder(index, SIGNS[0])]
        second = self.more_signs[torch.remainder(index, SIGNS[1])]
        white = first.float() * second.float()
        return white.reshape(*white.shape[:3], 2, self.size // 2)


def advance(position: Tensor, steps: int) -> Tensor:
    """Return the position after ``steps`` more, kept small so that float32 counts it exactly for ever."""
    return torch.remainder(position + steps, float(SIGNS[0] * SIGNS[1]))


def _mel(hertz: Tensor) -> Tensor:
    return 2595.0 * torch.log10(1.0 + hertz / 700.0)


def band_spread(bands: int, size: int) -> Tensor:
    """Return the matrix (bands, size/2) that interpolates band levels to the bins of a window."""
    bins = torch.arange(size // 2) * (SAMPLE_RATE / size)
    place = _mel(bins) / _mel(torch.tensor(SAMPLE_RATE / 2)) * (bands - 1)
    return (1.0 - (place.unsqueeze(0) - torch.arange(bands).unsqueeze(1)).abs()).clamp_min(0.0)


def sine_window(size: int) -> Tensor:
    """Return a sine window: overlapping by half, such windows of steady noise add up to steady loudness."""
    time = torch.arange(size, dtype=torch.float64)
    return torch.sin(math.pi * (time + 0.5) / size).float()
