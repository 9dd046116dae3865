"""Make the sounds that a model must beat, and the one that bounds it.

Silence, noise at the true level and another clip's real sound say what a figure is worth; the autoencoder's
reconstruction of the true sound is what a perfect generator would reach.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sr_runtime.errors import DataError
from sr_runtime.evaluate.clips import EvaluationClip
from sr_runtime.types import Audio


def silence(clip: EvaluationClip) -> Audio:
    """Return digital silence of the clip's length, float32 (hops × 1600, 2)."""
    return np.zeros_like(clip.true_audio)


def level_matched_noise(clip: EvaluationClip) -> Audio:
    """Return white noise with the clip's root mean square, each channel its own, float32 (hops × 1600, 2).

    The level is that of the whole clip: matched per second it would win the loudness correlation.
    """
    true = clip.true_audio
    level = np.sqrt(np.mean(np.square(true, dtype=np.float64)))
    rng = np.random.default_rng(clip.index)
    return np.asarray(np.clip(rng.standard_normal(true.shape) * level, -1.0, 1.0), np.float32)


def other_clip(clip: EvaluationClip, clips: Sequence[EvaluationClip]) -> EvaluationClip:
    """Return the clip whose real sound stands in for this one's: the next, of the same kind if there is one.

    Raises:
        DataError: There is no other clip.
    """
    following = [*clips[clip.index + 1 :], *clips[: clip.index]]
    if not following:
        raise DataError("the baseline 'other clip' needs at least 2 clips, got 1")
    alike = [other for other in following if other.clip.meta.kind == clip.clip.meta.kind]
    return (alike or following)[0]


def fitted(audio: Audio, length: int) -> Audio:
    """Return a sound repeated or cut to ``length`` samples, float32 (length, 2)."""
    times = -(-length // max(1, len(audio)))
    return np.tile(audio, (times, 1))[:length]
