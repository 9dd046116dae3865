"""Noise levels and what follows from them: EDM2 preconditioning, ECT's time pairs, and both samplers.

Everything is a pure function of tensors; t and σ are the same thing. Called by training (weights, pairs), the
head (preconditioning) and, as the reference, by tests of the engine's own samplers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import torch
from torch import Tensor

SIGMA_DATA = 0.5
SIGMA_MIN = 0.002
SIGMA_MAX = 80.0
RHO = 7.0
HEUN_STEPS = 16

Denoise = Callable[[Tensor, Tensor], Tensor]
"""D(x_t (N, d), σ (N,)) → x̂_0 (N, d)."""


class Scalings(NamedTuple):
    """EDM's c_skip, c_out, c_in and c_noise for each σ, all shaped like σ."""

    skip: Tensor
    out: Tensor
    input: Tensor
    noise: Tensor


def preconditioning(sigma: Tensor, sigma_data: float = SIGMA_DATA) -> Scalings:
    """Return the scalings of D(x) = c_skip·x + c_out·F(c_in·x, c_noise)."""
    total = sigma.square() + sigma_data**2
    return Scalings(
        skip=sigma_data**2 / total,
        out=sigma * sigma_data * total.rsqrt(),
        input=total.rsqrt(),
        noise=sigma.log() / 4,
    )


def loss_weight(sigma: Tensor, sigma_data: float = SIGMA_DATA) -> Tensor:
    """Return λ(t) = (t² + σ_d²)/(t σ_d)² = 1/c_out²."""
    return (sigma.square() + sigma_data**2) / (sigma * sigma_data).square()


def sample_sigma(shape: Sequence[int], mean: float, std: float, device: torch.device | None = None) -> Tensor:
    """Draw ln σ ~ N(mean, std²), clamped to [σ_min, σ_max]."""
    return (torch.randn(*shape, device=device) * std + mean).exp().clamp(SIGMA_MIN, SIGMA_MAX)


class ECTMapping(NamedTuple):
    """One of Easy Consistency Tuning's recipes.

    Attributes:
        q: Gap divisor per stage.
        stages: Equal stages, s = 0 … stages − 1.
        p_mean: Of ln t.
        p_std: Of ln t.
        weighting: ``inverse_gap`` = 1/(t−r), or ``edm`` = λ(t).
        huber_c: c of the metric √(Σ err² + c²) − c.
    """

    q: float
    stages: int
    p_mean: float
    p_std: float
    weighting: Literal["inverse_gap", "edm"]
    huber_c: float


CF = ECTMapping(q=2.0, stages=8, p_mean=-1.1, p_std=2.0, weighting="inverse_gap", huber_c=0.0)
"""ECT's CIFAR-10 recipe: the one that works at one evaluation here."""

IN = ECTMapping(q=4.0, stages=4, p_mean=-0.8, p_std=1.6, weighting="edm", huber_c=0.06)
"""ECT's ImageNet-64 recipe."""

ECT_MAPPINGS = {"CF": CF, "IN": IN}


def ect_gap_scale(t: Tensor, k: float = 8.0, b: float = 1.0) -> Tensor:
    """Return n(t) = 1 + k·sigmoid(−b·t): 5 at t = 0, 1 for large t."""
    return 1.0 + k * torch.sigmoid(-b * t)


def ect_earlier_time(t: Tensor, stage: int, mapping: ECTMapping = CF) -> Tensor:
    """Return r = t·max(0, 1 − n(t)/q^{s+1}), the earlier time of the pair; 0 means the clean token."""
    return t * (1.0 - ect_gap_scale(t) / mapping.q ** (stage + 1)).clamp_min(0.0)


def ect_weight(t: Tensor, r: Tensor, mapping: ECTMapping = CF) -> Tensor:
    """Return w(t) of the mapping."""
    if mapping.weighting == "edm":
        return loss_weight(t)
    return 1.0 / (t - r).clamp_min(1e-8)


def ect_distance(difference: Tensor, mapping: ECTMapping = CF) -> Tensor:
    """Return d of a difference per token, (...,) from (..., d); the square root is guarded at 0."""
    c = mapping.huber_c
    return (difference.square().sum(-1) + c**2 + 1e-8).sqrt() - c


def karras_times(steps: int, sigma_min: float = SIGMA_MIN, sigma_max: float = SIGMA_MAX) -> list[float]:
    """Return ``steps`` noise levels from σ_max down to σ_min, evenly spaced in σ^{1/ρ}, and a final 0."""
    high, low = sigma_max ** (1 / RHO), sigma_min ** (1 / RHO)
    ramp = [index / max(steps - 1, 1) for index in range(steps)]
    return [(high + position * (low - high)) ** RHO for position in ramp] + [0.0]


CONSISTENCY_TIMES: dict[int, tuple[float, ...]] = {
    1: (80.0,),
    2: (80.0, 0.821),
    3: (80.0, 2.5, 0.17),
    4: (80.0, 17.5, 2.5, 0.17),
}
"""Noise levels per number of evaluations: 1 and 2 as in ECT, 4 from the Karras grid of 5 without its last."""


def consistency_sample(denoise: Denoise, noises: Sequence[Tensor], times: Sequence[float]) -> Tensor:
    """Sample by the consistency rule: x = D(80 ε), then x = D(x + t ε', t) for each later t.

    Args:
        denoise: The head, closed over z.
        noises: One N(0, 1) tensor (N, d) per evaluation.
        times: As many noise levels, falling.
    """
    x = torch.zeros_like(noises[0])
    for noise, time in zip(noises, times, strict=True):
        x = denoise(x + time * noise, _filled(x, time))
    return x


def heun_sample(denoise: Denoise, noise: Tensor, times: Sequence[float]) -> Tensor:
    """Sample the probability-flow ODE with Heun's rule: 2·steps − 1 evaluations, deterministic.

    Args:
        denoise: The head, closed over z.
        noise: N(0, 1), (N, d).
        times: :func:`karras_times`, ending in 0.
    """
    x = noise * times[0]
    for now, then in pairwise(times):
        slope = (x - denoise(x, _filled(x, now))) / now
        step = x + (then - now) * slope
        if then > 0:
            corrected = (step - denoise(step, _filled(x, then))) / then
            step = x + (then - now) * 0.5 * (slope + corrected)
        x = step
    return x


def _filled(x: Tensor, time: float) -> Tensor:
    return torch.full((x.shape[0],), time, dtype=x.dtype, device=x.device)
