"""Draw a latent from the head: consistency sampling in 1–4 evaluations, or EDM's Heun solver.

Pure functions over a denoiser; the head stage calls them. ``x`` is float32 (1, latent), noise levels are
floats. Thread: inference.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Latent = npt.NDArray[np.float32]
Denoiser = Callable[[Latent, float], Latent]
Noise = Callable[[int], Latent]


def sample_consistency(denoise: Denoiser, noise: Noise, sigmas: Sequence[float]) -> Latent:
    """Map noise to a latent at the first noise level, then refine it at the others (ECT's sampler).

    Args:
        denoise: ``D(x, sigma)``.
        noise: Evaluation index → standard normal noise.
        sigmas: Noise levels, one evaluation each, falling.
    """
    latent = denoise(noise(0) * np.float32(sigmas[0]), sigmas[0])
    for evaluation, sigma in enumerate(sigmas[1:], start=1):
        latent = denoise(latent + np.float32(sigma) * noise(evaluation), sigma)
    return latent


def sample_heun(denoise: Denoiser, noise: Noise, sigmas: Sequence[float]) -> Latent:
    """Follow the probability-flow ODE from ``sigmas[0]`` to 0 (EDM, Algorithm 1 without churn).

    Args:
        denoise: ``D(x, sigma)``.
        noise: Evaluation index → standard normal noise; only index 0 is used.
        sigmas: Noise levels, falling, the last one above 0; costs 2·len − 1 evaluations.

    The last step is one evaluation, and its result *is* D(x, sigma): so the head's ``audio_token`` of the
    last evaluation belongs to the returned latent here too.
    """
    x = noise(0) * np.float32(sigmas[0])
    for sigma, following in itertools.pairwise(sigmas):
        slope = (x - denoise(x, sigma)) / np.float32(sigma)
        euler = x + np.float32(following - sigma) * slope
        slope_there = (euler - denoise(euler, following)) / np.float32(following)
        x = x + np.float32(following - sigma) * 0.5 * (slope + slope_there)
    return denoise(x, sigmas[-1])


def karras_sigmas(steps: int, sigma_min: float, sigma_max: float, rho: float) -> tuple[float, ...]:
    """Return EDM's noise levels, eq. 5, without the final 0.

    Args:
        steps: How many, ≥ 1.
        sigma_min: The last one (if steps > 1).
        sigma_max: The first one.
        rho: How strongly the levels gather near ``sigma_min``.

    Example:
        >>> [round(s, 3) for s in karras_sigmas(3, 0.002, 80.0, 7.0)]
        [80.0, 2.515, 0.002]
    """
    ramp = np.linspace(0.0, 1.0, steps)
    top, bottom = sigma_max ** (1 / rho), sigma_min ** (1 / rho)
    return tuple(float(s) for s in (top + ramp * (bottom - top)) ** rho)
