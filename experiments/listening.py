"""Let a network sound the validation clips, all seeds at once, and judge what it made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from experiments.stores import features_for
from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.evaluate.clips import EvaluationClip, choose_clips
from sr_runtime.evaluate.distribution import kad
from sr_runtime.evaluate.scores import (
    Ears,
    Take,
    embedding_set,
    listen,
    mean_kl,
    mean_loudness_corr,
    onset_pairs,
    pooled_side_agreement,
)
from sr_runtime.evaluate.sync import chance_f1, offset_spread, pooled_f1
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.model.generator import Generator
from sr_runtime.model.vae import VAE
from sr_runtime.train.rollout import Change, Sampling, roll_out, video_tokens
from sr_runtime.types import Audio

Figures = dict[str, float]


@dataclass(frozen=True)
class Panel:
    """Clips to judge on, with their real sound as the metrics hear it.

    Attributes:
        store: Where the clips are.
        clips: Sparse ones first.
        real: The real sound's takes.
        ears: The classifier.
    """

    store: ClipStore
    clips: Sequence[EvaluationClip]
    real: Sequence[Take]
    ears: Ears

    @classmethod
    def of(cls, store: ClipStore, count: int, tuning: bool, yamnet: Yamnet) -> Panel:
        """Return the clips of a report, or others to choose settings on, with their real sound heard."""
        clips = choose_clips(store, count, needs_sync=False)
        if tuning:
            clips = choose_clips(store, count, {clip.clip.clip_id for clip in clips}, needs_sync=False)
        ears = Ears(yamnet)
        return cls(store, clips, [listen(clip.true_audio, clip, ears) for clip in clips], ears)

    def ceiling(self) -> Figures:
        """Return what the real sound itself reaches."""
        pairs = onset_pairs(self.real)
        return {**({"onset_f1": pooled_f1(pairs)} if pairs else {}), "side": 1.0, "loudness": 1.0}

    def judge(self, takes: Sequence[Take]) -> Figures:
        """Return one seed's figures; those of sparse or dense clips only where there are any."""
        real = self.real
        dense = [take for take in takes if not take.clip.judges_sync]
        return {
            **self._sync_figures([take for take in takes if take.clip.judges_sync]),
            **({"kl_dense": mean_kl(dense, real)} if dense else {}),
            "kad": kad(embedding_set(real), embedding_set(takes)),
            "loudness": mean_loudness_corr(takes),
            "side": pooled_side_agreement(takes),
        }

    def _sync_figures(self, sparse: Sequence[Take]) -> Figures:
        if not sparse:
            return {}
        pairs = onset_pairs(sparse)
        offset = offset_spread(pairs).median
        return {
            "onset_f1": pooled_f1(pairs),
            "onset_chance": chance_f1(pairs),
            **({} if offset is None else {"offset_ms": offset}),
            "kl_sparse": mean_kl(sparse, self.real),
        }


def takes_of(
    generator: Generator,
    vae: VAE,
    panel: Panel,
    sampling: Sampling,
    seeds: Sequence[int],
    lookahead_hops: int = 0,
    report: Callable[[int, int], None] | None = None,
    change: Change | None = None,
) -> list[list[Take]]:
    """Sound all clips of a panel with all seeds, and return what is heard: per seed, a take of each clip.

    Args:
        generator: In evaluation mode.
        vae: Its autoencoder.
        panel: The clips.
        sampling: How latents are drawn.
        seeds: One take of each clip per seed.
        lookahead_hops: How many hops ahead of its own a picture is shown.
        report: Told how many hops of how many are done.
        change: What is done to a hop's latents; rows are all clips with the first seed, then with the next.
    """
    clips = [clip.clip for clip in panel.clips]
    video = clip_tokens(generator, panel.store, clips, lookahead_hops, sampling.autocast)
    rows = [seed for seed in seeds for _ in clips]
    hops = video.shape[1]
    latents = roll_out(
        generator,
        video.repeat(len(seeds), 1, 1),
        rows,
        sampling,
        report=(lambda done: report(done, hops)) if report else None,
        change=change,
    )
    takes = []
    for made in torch.split(latents, len(clips)):
        sounds = [decode(vae, row[: clip.hops]) for row, clip in zip(made, clips, strict=True)]
        takes.append(
            [listen(sound, clip, panel.ears) for sound, clip in zip(sounds, panel.clips, strict=True)]
        )
    return takes


def clip_tokens(
    generator: Generator, store: ClipStore, clips: Sequence[Clip], lookahead_hops: int, autocast: bool
) -> Tensor:
    """Return the video tokens of clips, (clips, hops of the longest, width); shorter ones hold their last."""
    cache, longest = features_for(generator, store, clips), max(clip.hops for clip in clips)
    tokens = []
    for clip in clips:
        seen = np.minimum(np.arange(longest) + lookahead_hops, clip.hops - 1)
        grids = torch.from_numpy(np.asarray(cache.read(clip))[seen])
        tokens.append(video_tokens(generator, grids[None], autocast)[0])
    return torch.stack(tokens)


def encode(vae: VAE, audio: Audio) -> Tensor:
    """Return the normalised latents (T, 64) of sound of whole hops, float32 (1600·T, 2)."""
    with torch.no_grad():
        mean, _ = vae.encode(torch.from_numpy(np.ascontiguousarray(audio.T))[None])
        return vae.normalise(mean)[0].T


def decode(vae: VAE, latents: Tensor) -> Audio:
    """Return the sound of latents (T, 64) as float32 (1600·T, 2), −1..1."""
    with torch.no_grad():
        wave = vae.decode(vae.denormalise(latents.T[None]))[0]
    return np.ascontiguousarray(wave.clamp(-1, 1).T.numpy(), np.float32)
