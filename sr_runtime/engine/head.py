"""The head stage: from a guided condition to one latent, and to the next audio token.

    σ of every evaluation, z ──► condition ──► modulations, of all evaluations at once
    x, σ, its modulation     ──► head      ──► denoised, audio token       (once per evaluation)

Called by the hop. Thread: inference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.engine.member import Member
from sr_runtime.engine.noise import philox_normal
from sr_runtime.engine.sampling import sample_consistency, sample_heun
from sr_runtime.engine.settings import SamplingSettings

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Draw:
    """What one session draws its latent from.

    Attributes:
        member: The session.
        settings: Guidance, seed, sampler and noise levels.
        audio_hidden: float32 (1, 1, width), output of the conditional row at the audio token.
        video_hidden: float32 (2, 1, width), output of both rows at the video token.
    """

    member: Member
    settings: SamplingSettings
    audio_hidden: Array
    video_hidden: Array

    def write_condition(self, z: Array) -> None:
        """Write z (2·width,): the audio token's, and the guided video token's (Algorithm 3, line 6)."""
        width = self.audio_hidden.shape[-1]
        conditional, null = self.video_hidden[0, 0], self.video_hidden[1, 0]
        z[:width] = self.audio_hidden[0, 0]
        if self.settings.is_guided:
            z[width:] = null + np.float32(self.settings.guidance) * (conditional - null)
        else:
            z[width:] = conditional


class HeadStage:
    """Runs ``condition(sigma, z)`` once and ``head(x_t, sigma, modulation)`` as often as the sampler asks.

    Uses ``audio_token`` of the sessions' states, in place.

    Args:
        condition: The condition graph.
        head: The head graph.
        capacity: Most sessions.
        levels: Most noise levels of a hop.
    """

    def __init__(self, condition: OnnxGraph, head: OnnxGraph, capacity: int, levels: int) -> None:
        rows = capacity * levels
        modulation = condition.resident_rows(condition.spec.outputs, rows)
        inputs = {**head.rows(head.spec.inputs, rows), **modulation}
        outputs = head.rows(head.spec.outputs, rows)
        before = {**condition.rows(condition.spec.inputs, rows), "sigma": inputs["sigma"]}
        self._x, self._sigma, self._z = inputs["x_t"], inputs["sigma"], before["z"]
        self._denoised, self._audio_tokens = outputs["denoised"], outputs["audio_token"]
        self._condition = condition.bind(before, modulation)
        self._head = head.bind(inputs, outputs)

    def sample(self, draws: Sequence[Draw]) -> list[Array]:
        """Draw the hop's latents and leave their tokens in the states.

        Returns:
            Of each session float32 (1, latent), normalised.
        """
        latents: dict[int, Array] = {}
        for group in _alike(draws):
            for draw, latent in zip(group, self._sample_alike(group), strict=True):
                latents[draw.member.index] = latent[None]
        return [latents[draw.member.index] for draw in draws]

    def _sample_alike(self, draws: Sequence[Draw]) -> Array:
        """Draw latents (sessions, latent) at the same noise levels; rows are ordered by level."""
        count, settings = len(draws), draws[0].settings
        levels = settings.sigmas
        for level, sigma in enumerate(levels):
            for row, draw in enumerate(draws, start=level * count):
                self._sigma[row] = sigma
                draw.write_condition(self._z[row])
        self._condition(0, count * len(levels))

        def denoise(x: Array, sigma: float) -> Array:
            start = levels.index(sigma) * count
            rows = slice(start, start + count)
            self._x[rows] = x
            self._head(rows.start, rows.stop)
            return self._denoised[rows].copy()

        def noise(evaluation: int) -> Array:
            size = self._x.shape[1]
            drawn = [philox_normal(d.settings.seed, d.member.hop, evaluation, size) for d in draws]
            return np.concatenate(drawn)

        sample = sample_heun if settings.sampler == "heun" else sample_consistency
        latents = sample(denoise, noise, levels)
        for row, draw in enumerate(draws, start=(len(levels) - 1) * count):
            draw.member.state["audio_token"][0] = self._audio_tokens[row]
        return latents


def _alike(draws: Sequence[Draw]) -> list[list[Draw]]:
    """Return the draws in groups of the same sampler and noise levels."""

    def kind(draw: Draw) -> tuple[str, tuple[float, ...]]:
        return draw.settings.sampler, draw.settings.sigmas

    return [list(group) for _, group in groupby(sorted(draws, key=kind), key=kind)]
