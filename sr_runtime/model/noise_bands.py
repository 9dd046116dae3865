"""Shaped noise for a decoder: band levels in, overlap-add windows of noise out, no waveform to be learned.

Gunshots, doors, growls and explosions are mostly noise under a moving envelope. A decoder that has to draw
every sample of it spends its training on phases that nobody hears; here it only sets levels, and its waveform
output is left with what has a phase worth drawing. Same idea as the filtered noise of DDSP (Engel et al.
2020) and of harmonic-plus-noise models before it.

::

    levels (B, steps, 3·bands) ─ + deviation × texture ─ exp, spread over the bins ─ × white spectra
        ─ inverse DFT ─ × sine window

A level that is known on average only is not to be played as that average: a spectrum as smooth as that is
heard as wind, whatever it should be. So levels may stray, in every band and window by chance: their texture.

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

LOG_DEVIATION_RANGE = (-5.0, 0.0)
"""Natural log of how far levels stray, as a standard deviation of natural logs: 0.06 to 8.7 dB."""

MEAN_SQUARE_BETWEEN_BANDS = 2 / 3
"""Of what the bins from one band to the next stray by, in those of the bands: they take from either."""

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
    texture: Tensor
    texture_signs: Tensor
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
        texture = torch.stack([_normal_numbers(chance) for _ in range(bands)], dim=-1).unsqueeze(1)
        signs = torch.randint(0, 2, (SIGNS[1], 1, bands), generator=chance) * 2 - 1
        self.register_buffer("texture", texture, persistent=False)
        self.register_buffer("texture_signs", signs.to(torch.int8), persistent=False)
        self.register_buffer("spread", band_spread(bands, size), persistent=False)
        self.register_buffer("window", sine_window(size), persistent=False)

    def forward(self, levels: Tensor, position: Tensor, deviation: Tensor | None = None) -> Tensor:
        """Make windows.

        Args:
            levels: Natural logs, (B, steps, 3·bands): left, right, side.
            position: How many steps were made before, float32 (B,), a whole number.
            deviation: Natural log of the standard deviation by which a band's levels, all three together,
                stray in each window, (B, steps, bands); None: they do not.

        Returns:
            float32 (B, steps, 2, size).
        """
        batch, steps, _ = levels.shape
        index = position.long().unsqueeze(1) + torch.arange(steps, device=position.device)
        bounded = levels.float().reshape(batch, steps, 3, self.bands).clamp(*LOG_LEVEL_RANGE)
        if deviation is not None:
            width = deviation.float().clamp(*LOG_DEVIATION_RANGE).exp().unsqueeze(2)
            strayed = width * _product(self.texture, self.texture_signs, index)
            bounded = bounded + strayed - MEAN_SQUARE_BETWEEN_BANDS * width.square()  # mean power stays
        left, right, side = torch.matmul(bounded, self.spread).exp().unsqueeze(-2).unbind(2)
        white = _product(self.signs, self.more_signs, index)
        common, wide = white.reshape(*white.shape[:3], 2, self.size // 2).unbind(2)
        spectra = torch.stack((left * common + side * wide, right * common - side * wide), dim=2)
        return self.dft.synthesise(spectra[..., 0, :], spectra[..., 1, :]) * self.window


def _normal_numbers(chance: torch.Generator) -> Tensor:
    """Return SIGNS[0] numbers in a random order that are spread as a normal distribution's, with variance 1.

    So a band's mean power is right within half a second; drawn ones would be off by up to 1 dB for ever.
    """
    places = (torch.randperm(SIGNS[0], generator=chance) + 0.5) / SIGNS[0]
    numbers = torch.erfinv(2 * places - 1)
    return numbers / numbers.square().mean().sqrt()


def _product(numbers: Tensor, signs: Tensor, index: Tensor) -> Tensor:
    """Return products of rows of two tables as long as SIGNS, (B, steps, …): none comes twice in a period."""
    first, second = numbers[torch.remainder(index, SIGNS[0])], signs[torch.remainder(index, SIGNS[1])]
    return first.float() * second.float()


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
