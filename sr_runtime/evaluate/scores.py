"""Turn one sound of one clip into everything that the metrics need, so that the sound itself can go.

Called for the real sound, for the model's and for every baseline's alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sr_runtime.evaluate.clips import EvaluationClip
from sr_runtime.evaluate.distribution import EmbeddingSet
from sr_runtime.evaluate.isolated import OnsetSounds, sounds_at
from sr_runtime.evaluate.onsets import detect_onsets
from sr_runtime.evaluate.paired import (
    BoolArray,
    FloatArray,
    kl_posteriors,
    loudness_correlation,
    side_votes,
    silent_windows,
)
from sr_runtime.evaluate.soundnet import SoundNet
from sr_runtime.evaluate.sync import OnsetPair
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.types import SAMPLE_RATE, Audio

_POSTERIOR_PATCHES: Final = 8
"""Patches of 0.96 s whose posteriors are averaged: 7.7 s, near the 8-s windows in which KL is customary."""


@dataclass(frozen=True)
class Take:
    """One system's sound for one clip, as heard by the metrics.

    Attributes:
        clip: The clip.
        origin: Index of the clip that the sound stems from (another one for the baseline ``other_clip``).
        onsets_s: float64 (n,), seconds; empty where nothing is known of the true ones.
        loudness_corr: Pearson's r against the true sound.
        side_votes: float64 (panned windows,), see :func:`~sr_runtime.evaluate.paired.side_votes`.
        embeddings: float64 (patches, 1024), YAMNet's.
        posteriors: float64 (windows of 7.7 s, 521).
        is_silent: bool (windows of 0.1 s,), see :func:`~sr_runtime.evaluate.paired.silent_windows`.
        soundnet: float64 (windows of 1.1 s, 256), SoundNet's embeddings; None where it is not installed.
        at_onsets: What is heard at the clip's isolated onsets; None for a clip without stems.
    """

    clip: EvaluationClip
    origin: int
    onsets_s: FloatArray
    loudness_corr: float
    side_votes: FloatArray
    embeddings: FloatArray
    posteriors: FloatArray
    is_silent: BoolArray
    soundnet: FloatArray | None = None
    at_onsets: OnsetSounds | None = None


@dataclass(frozen=True)
class Ears:
    """The networks that a sound is heard with.

    Attributes:
        yamnet: For KL, KAD and FAD.
        soundnet: For KAD and FAD once more, by another network; None where it is not installed.
    """

    yamnet: Yamnet
    soundnet: SoundNet | None = None


def listen(audio: Audio, clip: EvaluationClip, ears: Ears, origin: int | None = None) -> Take:
    """Hear a sound made for (or belonging to) a clip.

    Args:
        audio: float32 (hops × 1600, 2), 48 kHz, of the clip's length.
        clip: The clip.
        ears: The networks.
        origin: Index of the clip that the sound stems from; the clip itself by default.

    Returns:
        What the metrics need.
    """
    hearing = ears.yamnet.hear(audio)
    # Looking for onsets takes longest, and matters only where true ones are known.
    has_stems = bool(clip.clip.meta.stems)
    onsets_s = detect_onsets(audio) if clip.judges_sync or has_stems else np.zeros(0)
    return Take(
        clip=clip,
        origin=clip.index if origin is None else origin,
        onsets_s=onsets_s,
        loudness_corr=loudness_correlation(audio, clip.true_audio),
        side_votes=side_votes(audio, clip.true_audio),
        embeddings=hearing.embeddings,
        posteriors=_window_means(hearing.posteriors),
        is_silent=silent_windows(audio),
        soundnet=None if ears.soundnet is None else ears.soundnet.embed(audio),
        at_onsets=sounds_at(audio, clip.isolated_onsets.times_s, onsets_s) if has_stems else None,
    )


def embedding_set(takes: Sequence[Take]) -> EmbeddingSet:
    """Return all of YAMNet's embeddings of the takes, each with the clip its sound stems from."""
    return _set([(take.embeddings, take.origin) for take in takes])


def soundnet_set(takes: Sequence[Take]) -> EmbeddingSet:
    """Return all of SoundNet's embeddings of the takes, as :func:`embedding_set`; takes without have none."""
    return _set([(take.soundnet, take.origin) for take in takes if take.soundnet is not None])


def onset_pairs(takes: Sequence[Take]) -> list[OnsetPair]:
    """Return the takes' onsets beside click ground truth, for the clips that judge sync."""
    pairs = []
    for take in takes:
        truth = take.clip.clip.click_onsets_s
        if take.clip.judges_sync and truth is not None:
            duration_s = len(take.clip.true_audio) / SAMPLE_RATE
            pairs.append(OnsetPair(take.onsets_s, truth, duration_s))
    return pairs


def mean_loudness_corr(takes: Sequence[Take]) -> float:
    """Return the mean correlation over the clips."""
    return float(np.mean([take.loudness_corr for take in takes]))


def pooled_side_agreement(takes: Sequence[Take]) -> float:
    """Return the agreement over all clearly panned windows of all clips; 0.5 without one."""
    votes = np.concatenate([take.side_votes for take in takes])
    return float(votes.mean()) if len(votes) else 0.5


def mean_kl(takes: Sequence[Take], real: Sequence[Take]) -> float:
    """Return KL of posteriors, the real sound of the same clip against each take."""
    by_clip = {take.clip.index: take.posteriors for take in real}
    truth = np.concatenate([by_clip[take.clip.index] for take in takes])
    return kl_posteriors(truth, np.concatenate([take.posteriors for take in takes]))


def _set(parts: Sequence[tuple[FloatArray, int]]) -> EmbeddingSet:
    origins = [np.full(len(vectors), origin, np.int64) for vectors, origin in parts]
    return EmbeddingSet(np.concatenate([vectors for vectors, _ in parts]), np.concatenate(origins))


def _window_means(posteriors: FloatArray) -> FloatArray:
    """Return means over runs of 8 patches; a shorter rest joins the last run."""
    runs = max(1, len(posteriors) // _POSTERIOR_PATCHES)
    return np.stack([part.mean(axis=0) for part in np.array_split(posteriors, runs)])
