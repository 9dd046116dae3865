"""A causal auto-encoder of sound as levels of noise: small, instant on one CPU core, fitted in closed form.

::

    wave ┬ windows of 1600, every 800 ─ log levels in 128 bands ┬ Linear ─ mean     (log-variance: constant)
         └ windows of 400, every 200 ─ log levels in 40 bands ──┘
    latents of a hop and before ┬ Linear ─ log levels in 128 bands, every 800 ┬ shaped noise ─ overlap-add
                                └ Linear ─ how far they stray ────────────────┘

Games sound mostly like noise under moving spectra: shots, doors, growls, engines. Windows of 1600 samples
have bins of 30 Hz, fine enough to tell a growl from a gust; what they smear by is a third of what sync is
judged by. :mod:`sr_runtime.train.vae_compact` finds the linear maps.

Everything sees the past only: a window that starts within a hop is set by that hop's latent, so the decoder
needs no look-ahead. The short windows tell the encoder how a hop ends: the last window goes on from there.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sr_runtime.model.log_spectrum import LogSpectrum
from sr_runtime.model.noise_bands import NoiseBands, advance
from sr_runtime.model.presets import CompactVAEConfig, VAEConfig
from sr_runtime.model.vae import VAE, DecoderState, pad_to_hops
from sr_runtime.types import CHANNELS, HOP_SAMPLES

UNFITTED_DEVIATION = -2.0
"""Natural log of how far the levels of a decoder stray that was not fitted yet: 1.2 dB."""

UNFITTED_LEVEL = -6.0
"""Natural log of the noise of a decoder that was not fitted yet: −52 dB."""

POSTERIOR_LOGVAR = -6.0
"""Log-variance of the posterior, 26 dB below latents of variance 1: inaudible after decoding."""


class CompactEncoder(nn.Module):
    """Sound (B, 2, S) → posterior means (B, T, latent)."""

    def __init__(self, config: CompactVAEConfig, latent: int) -> None:
        super().__init__()
        self.step, self.fast_step = config.step_samples, config.fast_step_samples
        self.spectrum = LogSpectrum(2 * self.step, config.bands)
        self.fast_spectrum = LogSpectrum(2 * self.fast_step, config.fast_bands)
        self.line = nn.Linear(CHANNELS * config.bands * (HOP_SAMPLES // self.step), latent)
        self.fast_line = nn.Linear(CHANNELS * config.fast_bands * (HOP_SAMPLES // self.fast_step), latent)

    def forward(self, wave: Tensor) -> Tensor:
        """Encode whole hops (B, 2, 1600·T)."""
        levels, fast_levels = self.levels(wave)
        return cast(Tensor, self.line(levels) + self.fast_line(fast_levels))

    def levels(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Return log levels of the long and the short windows that end in each hop, two (B, T, numbers)."""
        batch, hops = wave.shape[0], wave.shape[-1] // HOP_SAMPLES
        levels = self.spectrum(_windows(wave, self.step))
        fast_levels = self.fast_spectrum(_windows(wave, self.fast_step))
        return levels.reshape(batch, hops, -1), fast_levels.reshape(batch, hops, -1)


def _windows(wave: Tensor, step: int) -> Tensor:
    """Cut sound (B, 2, S) into windows (B, S/step, 2, 2·step) that end with each step."""
    batch, channels, samples = wave.shape
    steps = wave.reshape(batch, channels, samples // step, step).transpose(1, 2)
    previous = F.pad(steps, (0, 0, 0, 0, 1, 0))[:, :-1]
    return torch.cat((previous, steps), dim=-1)


class CompactDecoder(nn.Module):
    """Latents (B, latent, T) → sound (B, 2, 1600·T), whole or hop by hop."""

    silence: Tensor

    def __init__(self, config: CompactVAEConfig, latent: int) -> None:
        super().__init__()
        self.step, self.steps = config.step_samples, HOP_SAMPLES // config.step_samples
        self.past = config.past_hops
        self.noise = NoiseBands(config.bands, 2 * self.step)
        self.line = nn.Linear((self.past + 1) * latent, self.steps * 3 * config.bands)
        nn.init.constant_(self.line.bias, UNFITTED_LEVEL)
        self.deviation: nn.Linear | None = None
        if config.deviates:
            self.deviation = nn.Linear((self.past + 1) * latent, self.steps * config.bands)
            nn.init.constant_(self.deviation.bias, UNFITTED_DEVIATION)
        if self.past:
            self.register_buffer("silence", torch.zeros(latent))

    def initial_state(self, batch: int) -> DecoderState:
        """Return zeros: the silence before the first hop."""
        weight = self.line.weight
        state = {
            "overlap": weight.new_zeros(batch, CHANNELS, self.step),
            "noise_position": weight.new_zeros(batch),
        }
        if self.past:
            latent = self.line.in_features // (self.past + 1)
            state["past"] = weight.new_zeros(batch, latent, self.past)
        return state

    def forward(self, z: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Decode any number of frames after ``state``; offline decoding is one call from zeros."""
        seen, after = self.in_context(z, state)
        levels, deviation = self.in_steps(self.line, seen), self.deviation_of(seen)
        windows = self.noise(levels, state["noise_position"], deviation)
        wave, overlap = overlap_add(windows, state["overlap"])
        position = advance(state["noise_position"], levels.shape[1])
        return wave, {"overlap": overlap, "noise_position": position, **after}

    def deviation_of(self, seen: Tensor) -> Tensor | None:
        """Return how far levels stray of latents in context, (B, T·steps, bands), natural logs; None: not."""
        return None if self.deviation is None else self.in_steps(self.deviation, seen)

    def in_steps(self, line: nn.Linear, seen: Tensor) -> Tensor:
        """Return what a map makes of latents in context (B, n, T), float32 (B, T·steps, numbers)."""
        made = cast(Tensor, line(seen.transpose(1, 2)))
        return made.float().reshape(seen.shape[0], seen.shape[2] * self.steps, -1)

    def in_context(self, z: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Return latents beside those before them, (B, (past + 1)·latent, T), earliest first; what to keep.

        What is kept is relative to the latent of silence, so that a state of zeros is silence.
        """
        if not self.past:
            return z, {}
        silence = self.silence[:, None]
        every = torch.cat((state["past"] + silence, z), dim=-1)
        hops = z.shape[2]
        seen = torch.cat([every[..., k : k + hops] for k in range(self.past + 1)], dim=1)
        return seen, {"past": every[..., hops:] - silence}


def overlap_add(windows: Tensor, overlap: Tensor) -> tuple[Tensor, Tensor]:
    """Add the first half of each window to the second half of the window before.

    ::

        window j−1   [ a b ]
        window j       [ c d ]      samples of step j = b + c;  d waits for step j+1

    Args:
        windows: (B, steps, 2, 2·step).
        overlap: What waits from before, (B, 2, step).

    Returns:
        Sound (B, 2, steps·step), and what waits now.
    """
    first, second = windows.chunk(2, dim=-1)
    before = torch.cat((overlap.unsqueeze(1), second[:, :-1]), dim=1)
    return (first + before).transpose(1, 2).flatten(-2), second[:, -1]


class CompactVAE(VAE):
    """The compact causal auto-encoder; ``config.kind`` is ``compact``."""

    def __init__(self, config: VAEConfig) -> None:
        super().__init__(config)
        self.encoder = CompactEncoder(config.compact, config.latent)
        self.decoder = CompactDecoder(config.compact, config.latent)

    def encode(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """See :meth:`VAE.encode`."""
        mean = self.encoder(pad_to_hops(wave)).transpose(1, 2).float()
        return mean, torch.full_like(mean, POSTERIOR_LOGVAR)

    def decode(self, z: Tensor) -> Tensor:
        """See :meth:`VAE.decode`."""
        return self.decode_step(z, self.initial_decoder_state(z.shape[0]))[0]

    def initial_decoder_state(self, batch: int) -> DecoderState:
        """See :meth:`VAE.initial_decoder_state`."""
        return self.decoder.initial_state(batch)

    def decode_step(self, z: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """See :meth:`VAE.decode_step`."""
        return cast("tuple[Tensor, DecoderState]", self.decoder(z, state))
