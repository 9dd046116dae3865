"""What can be turned while a session runs: guidance, evaluations, seed, sampler; checked at once.

Called by the session. Thread: any.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from sr_runtime.engine.bundle import SamplerName, SamplingSpec
from sr_runtime.engine.sampling import karras_sigmas
from sr_runtime.errors import ConfigError

MAX_GUIDANCE: Final = 20.0
MAX_HEUN_NFE: Final = 127


@dataclass(frozen=True)
class SamplingSettings:
    """One session's way of drawing latents.

    Attributes:
        guidance: Scale ω of the difference between the conditional and the null row, 0–20.
        nfe: Evaluations of the head per hop: 1–4 (consistency) or 1–127 (Heun, rounded down to odd).
        seed: 0 ≤ seed < 2**64.
        sampler: ``consistency`` (stage 2 models) or ``heun`` (stage 1 models).
        spec: The bundle's noise levels.
        sigmas: The noise levels that follow from ``sampler`` and ``nfe``.

    Raises:
        ConfigError: A value is outside its range.
    """

    guidance: float
    nfe: int
    seed: int
    sampler: SamplerName
    spec: SamplingSpec
    sigmas: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        if not 0.0 <= self.guidance <= MAX_GUIDANCE:
            raise ConfigError(f"guidance: expected 0–{MAX_GUIDANCE:g}, got {self.guidance}")
        if not 0 <= self.seed < 2**64:
            raise ConfigError(f"seed: expected 0 ≤ seed < 2**64, got {self.seed}")
        object.__setattr__(self, "sigmas", self._noise_levels())

    @classmethod
    def from_spec(
        cls,
        spec: SamplingSpec,
        seed: int = 0,
        guidance: float | None = None,
        nfe: int | None = None,
        sampler: str | None = None,
    ) -> Self:
        """Return the bundle's defaults with what was given put in their place."""
        chosen = _sampler_name(sampler or spec.sampler)
        default_nfe = spec.heun_nfe if chosen == "heun" else spec.nfe
        return cls(
            guidance=float(spec.guidance if guidance is None else guidance),
            nfe=default_nfe if nfe is None else nfe,
            seed=seed,
            sampler=chosen,
            spec=spec,
        )

    @property
    def is_guided(self) -> bool:
        """Tell whether the null row counts: at guidance 1 it does not, and is left out."""
        return self.guidance != 1.0

    def with_changes(self, **changes: Any) -> Self:
        """Return a copy with some fields changed, checked again."""
        return replace(self, **changes)

    def _noise_levels(self) -> tuple[float, ...]:
        spec = self.spec
        if self.sampler == "heun":
            if not 1 <= self.nfe <= MAX_HEUN_NFE:
                raise ConfigError(f"nfe: expected 1–{MAX_HEUN_NFE} with the Heun sampler, got {self.nfe}")
            return karras_sigmas((self.nfe + 1) // 2, spec.sigma_min, spec.sigma_max, spec.rho)
        try:
            return spec.consistency_sigmas[str(self.nfe)]
        except KeyError:
            choices = ", ".join(spec.consistency_sigmas)
            raise ConfigError(f"nfe: this bundle has noise levels for {choices}, got {self.nfe}") from None


def _sampler_name(name: str) -> SamplerName:
    if name == "heun":
        return "heun"
    if name == "consistency":
        return "consistency"
    raise ConfigError(f"sampler: expected 'consistency' or 'heun', got {name!r}")


@dataclass(frozen=True, slots=True)
class Relief:
    """What a hop goes without while there is too little time: never more than what was asked for.

    Attributes:
        most_nfe: Most evaluations of the consistency sampler; None: as many as asked for.
        is_guided: Whether guidance may be used.
    """

    most_nfe: int | None = None
    is_guided: bool = True

    def applied(self, settings: SamplingSettings) -> SamplingSettings:
        """Return what is left of the settings. Heun's sampler keeps its evaluations: with few it is noise."""
        if self.most_nfe is not None and settings.sampler == "consistency" and settings.nfe > self.most_nfe:
            with contextlib.suppress(ConfigError):  # A bundle need not have noise levels for so few.
                settings = settings.with_changes(nfe=self.most_nfe)
        return settings if self.is_guided else settings.with_changes(guidance=1.0)


def most_levels(spec: SamplingSpec) -> int:
    """Return the most noise levels that a hop may have."""
    return max((MAX_HEUN_NFE + 1) // 2, *(len(levels) for levels in spec.consistency_sigmas.values()))
