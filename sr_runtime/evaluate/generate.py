"""Let a bundle sound the clips of an evaluation, each from a cold start.

Called by the report and by the sweep. Thread: the caller's, which is the inference thread here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sr_runtime.data.store import Clip
from sr_runtime.engine.session import Engine
from sr_runtime.engine.settings import SamplingSettings
from sr_runtime.types import Audio

Progress = Callable[[int], None]
"""Is told how many more hops are done."""


@dataclass(frozen=True)
class Sampling:
    """How latents are drawn; None is the bundle's default.

    Attributes:
        guidance: Classifier-free guidance scale ω.
        nfe: Evaluations of the head per hop.
        sampler: ``consistency`` or ``heun``.
    """

    guidance: float | None = None
    nfe: int | None = None
    sampler: str | None = None

    def resolved(self, engine: Engine) -> SamplingSettings:
        """Return what a session of this engine uses.

        Raises:
            ConfigError: A value is outside the bundle's range.
        """
        spec = engine.bundle.manifest.sampling
        return SamplingSettings.from_spec(spec, guidance=self.guidance, nfe=self.nfe, sampler=self.sampler)


@dataclass(frozen=True)
class GeneratedSound:
    """What an engine made for one clip.

    Attributes:
        audio: float32 (hops × 1600, 2), 48 kHz.
        hop_ms: Milliseconds of computing of each hop.
    """

    audio: Audio
    hop_ms: list[float]


def ignore_progress(hops: int) -> None:
    """Do nothing: for callers that show no progress."""


def generate(
    engine: Engine, clip: Clip, sampling: Sampling, seed: int = 0, on_progress: Progress = ignore_progress
) -> GeneratedSound:
    """Let the engine sound a clip's pictures.

    Picture k sounds as hop k, as the recorder aligned them: the true sound has the same time axis.

    Args:
        engine: A warm engine.
        clip: Whose pictures are shown, one per hop.
        sampling: Settings of the sampler.
        seed: Of the session.
        on_progress: Called with 1 after every hop.

    Returns:
        The sound and what it cost.
    """
    session = engine.open_session(
        seed=seed, guidance=sampling.guidance, nfe=sampling.nfe, sampler=sampling.sampler
    )
    hops, hop_ms = [], []
    for index in range(clip.hops):
        hops.append(session.step(clip.frame(index)))
        hop_ms.append(session.timings.hop_ms)
        on_progress(1)
    return GeneratedSound(np.concatenate(hops), hop_ms)
