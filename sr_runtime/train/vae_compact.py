"""Fit the compact auto-encoder: the best linear code of what a hop sounds like, in closed form.

What the encoder hears of a hop and what its decoder has to ask for are related by ridge regression, and the
regression is cut to as many components as the latent has channels (reduced-rank regression, Izenman 1975).
A second regression sets the decoder, which may look back on a few latents, and a third says how far levels
stray from what the second makes of them. Three passes over the sound, two minutes per hour of it, no step
size and no schedule.

Gradient descent on the same levels was worse: with L1 on log levels a network blurs, and what sounded like an
engine sounds like the sea (``docs/training.md``).

Called by :mod:`sr_runtime.train.vae` for the presets whose auto-encoder is ``compact``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sr_runtime.data.store import Clip
from sr_runtime.errors import TrainingError
from sr_runtime.model.checkpoint import load_weights
from sr_runtime.model.noise_bands import LOG_LEVEL_RANGE, sine_window
from sr_runtime.model.vae_compact import CompactVAE
from sr_runtime.train.losses import LOG_FLOOR, mel_bands
from sr_runtime.types import CHANNELS, HOP_SAMPLES

SIDE_WEIGHT = 0.3
"""How much the level of the side counts against those of left and right: components go first to what a sound
is like and where, then to its width."""

RIDGE = 1e-3
"""Of the encoder's regression, times the mean variance of what is heard."""

DECODER_RIDGE = 1e-5
"""Of the decoder's."""

DEVIATION_SCALE = 1.3
"""Levels stray this much further than a normal distribution of their mean logarithm: theirs has longer
tails. Chosen on clips that no table reports."""

LOG_SQUARE_OF_NORMAL = -1.27
"""Mean of ln x², x ~ N(0, 1)."""

SMALLEST_SQUARE = 1e-4
"""Of what levels stray by, before its logarithm."""

COMPANDING = 0.5
"""Exponent of the components' variances in the latent; see :func:`_channels`."""

FitReporter = Callable[[int, int], None]
"""Called with clips done and clips in all."""


@dataclass(frozen=True)
class Moments:
    """Sums over hops, float64: of what is heard (n,), asked for (m,), and of their products."""

    count: int
    heard: Tensor
    asked: Tensor
    heard_heard: Tensor
    heard_asked: Tensor

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.count + other.count,
            self.heard + other.heard,
            self.asked + other.asked,
            self.heard_heard + other.heard_heard,
            self.heard_asked + other.heard_asked,
        )


def fit(vae: CompactVAE, clips: Sequence[Clip], report: FitReporter | None = None) -> None:
    """Set all linear maps from the sound of clips.

    Args:
        vae: Changed in place.
        clips: For training.
        report: Told after every clip, as many times as there are passes.

    Raises:
        TrainingError: None of the clips has two hops or more.
    """
    usable = _usable(clips)
    passes = 1 + _decoder_passes(vae)
    with torch.no_grad():
        heard = moments(
            usable,
            lambda wave: torch.cat(vae.encoder.levels(wave), dim=-1),
            lambda wave: wanted_levels(vae, wave),
            _shifted(report, 0, passes * len(usable)),
        )
        _set_encoder(vae, heard)
    fit_decoder(vae, usable, _shifted(report, len(usable), passes * len(usable)))


def fit_decoder(vae: CompactVAE, clips: Sequence[Clip], report: FitReporter | None = None) -> None:
    """Set the decoder's linear maps from the sound of clips, to an encoder that stays as it is.

    Args:
        vae: Changed in place.
        clips: For training.
        report: Told after every clip, as many times as there are passes.

    Raises:
        TrainingError: None of the clips has two hops or more.
    """
    decoder, clips = vae.decoder, _usable(clips)

    def seen(wave: Tensor) -> Tensor:
        return decoder.in_context(vae.encode(wave)[0], decoder.initial_state(1))[0].transpose(1, 2)

    def strays(wave: Tensor) -> Tensor:
        missed = wanted_levels(vae, wave) - decoder.line(seen(wave)[:, :-1])
        left, right, _ = missed.reshape(*missed.shape[:2], decoder.steps, 3, -1).unbind(3)
        squares: Tensor = (0.5 * (left + right)).square()
        return (squares + SMALLEST_SQUARE).log().flatten(2)

    total = _decoder_passes(vae) * len(clips)
    with torch.no_grad():
        if decoder.past:
            decoder.silence.copy_(vae.encode(torch.zeros(1, CHANNELS, 2 * HOP_SAMPLES))[0][0, :, -1])
        sums = moments(clips, seen, lambda wave: wanted_levels(vae, wave), _shifted(report, 0, total))
        slopes, constant = regression(sums, DECODER_RIDGE)
        _set(decoder.line, slopes.T, constant)
        if decoder.deviation is not None:
            sums = moments(clips, seen, strays, _shifted(report, len(clips), total))
            slopes, constant = regression(sums, DECODER_RIDGE)
            widest = math.log(DEVIATION_SCALE) - 0.5 * LOG_SQUARE_OF_NORMAL
            _set(decoder.deviation, 0.5 * slopes.T, 0.5 * constant + widest)


def _decoder_passes(vae: CompactVAE) -> int:
    return 1 if vae.decoder.deviation is None else 2


def keep_encoder(vae: CompactVAE, network: Path) -> None:
    """Take encoder and latent statistics from a network folder.

    Raises:
        TrainingError: Its encoder has another form.
    """
    kept = {name: part for name, part in load_weights(network).items() if not name.startswith("decoder.")}
    try:
        missing = vae.load_state_dict(kept, strict=False).missing_keys
    except RuntimeError as error:
        raise TrainingError(f"{network}: not an encoder of this preset: {error}") from None
    if any(not name.startswith("decoder.") for name in missing):
        raise TrainingError(f"{network}: not an encoder of this preset, it lacks {missing}")


def _shifted(report: FitReporter | None, before: int, total: int) -> FitReporter | None:
    return None if report is None else lambda done, _: report(before + done, total)


def _usable(clips: Sequence[Clip]) -> list[Clip]:
    usable = [clip for clip in clips if clip.hops > 1]
    if not usable:
        raise TrainingError(
            f"none of {len(clips)} training clips has 2 hops or more; record some with sr-runtime record"
        )
    return usable


def moments(
    clips: Sequence[Clip],
    hear: Callable[[Tensor], Tensor],
    ask: Callable[[Tensor], Tensor],
    report: FitReporter | None = None,
) -> Moments:
    """Return sums over the hops of clips, but for their last, of what is heard and what is asked for.

    Args:
        clips: Of two hops or more.
        hear: Makes (1, T, n) of sound (1, 2, 1600·T).
        ask: Makes (1, T − 1, m) of the same.
        report: Told after every clip.
    """
    total: Moments | None = None
    for index, clip in enumerate(clips):
        wave = torch.from_numpy(clip.audio().astype(np.float32).T / 32768.0)[None]
        wave = wave[..., : wave.shape[-1] // HOP_SAMPLES * HOP_SAMPLES]
        heard, asked = hear(wave)[0, :-1].double(), ask(wave)[0].double()
        part = Moments(len(heard), heard.sum(0), asked.sum(0), heard.T @ heard, heard.T @ asked)
        total = part if total is None else total + part
        if report is not None:
            report(index + 1, len(clips))
    assert total is not None, "no clips"
    return total


def regression(sums: Moments, ridge: float) -> tuple[Tensor, Tensor]:
    """Return slopes (n, m) and constant (m,) of the ridge regression of what is asked for on what is heard.

    Args:
        sums: See :func:`moments`.
        ridge: Times the mean variance of what is heard.
    """
    covariance, common = covariances(sums)
    penalty = ridge * covariance.diagonal().mean() * torch.eye(len(covariance), dtype=torch.float64)
    slopes = torch.linalg.solve(covariance + penalty, common)
    return slopes, (sums.asked - sums.heard @ slopes) / sums.count


def covariances(sums: Moments) -> tuple[Tensor, Tensor]:
    """Return the covariance of what is heard, (n, n), and with what is asked for, (n, m)."""
    heard, asked = sums.heard / sums.count, sums.asked / sums.count
    covariance = sums.heard_heard / sums.count - torch.outer(heard, heard)
    return covariance, sums.heard_asked / sums.count - torch.outer(heard, asked)


def wanted_levels(vae: CompactVAE, wave: Tensor) -> Tensor:
    """Return the levels that a decoder has to ask for to be as loud as the sound, in every band and window.

    Args:
        vae: Of whose decoder.
        wave: float32 (B, 2, 1600·T).

    Returns:
        Natural logs (B, T − 1, windows·3·bands): left, right, side. The last hop is left out, since its last
        window reaches beyond the sound.
    """
    decoder, hops = vae.decoder, wave.shape[-1] // HOP_SAMPLES - 1
    power = window_power(wave, 2 * decoder.step)[:, : hops * decoder.steps]
    left, right, side = (power @ mel_bands(2 * decoder.step, decoder.noise.bands)[:-1]).unbind(2)
    panned = 0.5 * (left.sqrt() - right.sqrt()).square()
    wide = (0.5 * (side - panned)).clamp_min(0.0).minimum(0.5 * torch.minimum(left, right))
    levels = 0.5 * (torch.cat((left - wide, right - wide, wide), dim=-1) + LOG_FLOOR**2).log()
    return levels.clamp(*LOG_LEVEL_RANGE).reshape(len(wave), hops, -1)


def window_power(wave: Tensor, size: int) -> Tensor:
    """Return the power per bin of sound in windows as the decoder's.

    Args:
        wave: float32 (B, 2, S).
        size: Samples of a window.

    Returns:
        Left, right and side ((left − right)/√2), (B, S/(size/2) − 1, 3, size/2).
    """
    window = sine_window(size) * (2 / size) ** 0.5
    bins = torch.fft.rfft(wave.unfold(-1, size, size // 2) * window)[..., :-1]
    left, right = bins.unbind(1)
    three = torch.stack((left, right, (left - right) * 0.5**0.5), dim=2)
    return three.real.square() + three.imag.square()


def _set_encoder(vae: CompactVAE, sums: Moments) -> None:
    encoder, decoder, latent = vae.encoder, vae.decoder, vae.config.latent
    slopes, _ = regression(sums, RIDGE)
    covariance, _ = covariances(sums)
    sides = torch.tensor([1.0, 1.0, SIDE_WEIGHT], dtype=torch.float64)
    weighted = slopes * sides.repeat_interleave(decoder.noise.bands).repeat(decoder.steps)
    _, directions = torch.linalg.eigh(weighted.T @ covariance @ weighted)
    encode = weighted @ directions.flip(1)[:, :latent]
    encode = encode @ _channels((encode.T @ covariance @ encode).diagonal().clamp_min(1e-12))
    count = encoder.line.in_features
    _set(encoder.line, encode[:count].T, -(sums.heard / sums.count @ encode))
    _set(encoder.fast_line, encode[count:].T, torch.zeros(latent))


def _channels(variances: Tensor) -> Tensor:
    """Return the matrix (components, channels) that turns components into channels of about equal variance.

    A generator that is trained on squared errors takes every channel as equally important. Components are
    therefore given variance^COMPANDING, between what they have (the first, loudness, would be all that is
    learned) and all the same (as much effort for the last as for the first), and then rotated at random, so
    that scaling each channel to a fixed deviation changes little.
    """
    scale = variances ** (0.5 * COMPANDING - 0.5)
    scale = scale / (scale.square() * variances).mean().sqrt()
    chance = torch.Generator().manual_seed(2510_02110)
    count = len(variances)
    rotation: Tensor = torch.linalg.qr(torch.randn(count, count, generator=chance, dtype=torch.float64))[0]
    return scale.unsqueeze(1) * rotation


def _set(line: torch.nn.Linear, weight: Tensor, bias: Tensor) -> None:
    line.weight.copy_(weight.float())
    line.bias.copy_(bias.float())
