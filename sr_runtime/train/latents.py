"""Latents of a whole store, computed once per autoencoder: what the generator learns to produce.

Called by ``sr-runtime train stage1|stage2`` before the first step and, for the statistics, at the end of
``sr-runtime train vae``.

    STORE/latents/<key>/<clip_id>.npz     mean, logvar: float16 (hops, 64), unnormalised
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.errors import TrainingError
from sr_runtime.model.checkpoint import WEIGHTS_FILE, latent_key, load_vae
from sr_runtime.model.vae import VAE
from sr_runtime.train.ema import evaluating
from sr_runtime.types import HOP_SAMPLES

Half = npt.NDArray[np.float16]

CHUNK_HOPS = 900
"""Hops encoded at once; 30 s keep the activations of the compact autoencoder below 200 MB."""

WARMUP_HOPS = 30
"""Hops before a chunk that are encoded too and thrown away, so that chunks join as if never cut."""


def network_key(folder: Path) -> str:
    """Return a short name for a network folder's weights: caches are kept under it.

    Raises:
        TrainingError: when the folder has no weights.
    """
    check_trained(folder)
    return hashlib.sha256((folder / WEIGHTS_FILE).read_bytes()).hexdigest()[:12]


def check_trained(folder: Path) -> None:
    """Raise :class:`TrainingError` if a network folder has no weights."""
    if not (folder / WEIGHTS_FILE).exists():
        raise TrainingError(f"{folder} holds no trained network ({WEIGHTS_FILE} is missing); train it first")


def encode_clip(vae: VAE, audio: npt.NDArray[np.int16]) -> tuple[Tensor, Tensor]:
    """Encode a whole clip in chunks.

    Args:
        vae: the autoencoder.
        audio: int16 (hops · 1600, 2).

    Returns:
        Mean and log-variance, float32 (hops, 64), unnormalised.
    """
    hops, parts = len(audio) // HOP_SAMPLES, []
    for start in range(0, hops, CHUNK_HOPS):
        first = max(0, start - WARMUP_HOPS)
        pcm = audio[first * HOP_SAMPLES : min(hops, start + CHUNK_HOPS) * HOP_SAMPLES]
        wave = torch.from_numpy(pcm.astype(np.float32).T / 32768.0)[None]
        with evaluating(vae):
            mean, logvar = vae.encode(wave)
        parts.append(torch.stack((mean[0].T, logvar[0].T))[:, start - first :])
    both = torch.cat(parts, 1)
    return both[0], both[1]


def latent_statistics(vae: VAE, store: ClipStore, limit_hops: int = 100_000) -> None:
    """Measure mean and deviation of every latent channel on the training split; set the VAE's buffers.

    Args:
        vae: the autoencoder; its ``latent_mean`` and ``latent_std`` are overwritten.
        store: where the clips are.
        limit_hops: stop after this many hops; 20 minutes give the deviations to about 1 %.
    """
    clips, parts, hops = store.clips("train"), [], 0
    for index in np.random.default_rng(0).permutation(len(clips)):
        parts.append(encode_clip(vae, clips[index].audio()))
        hops += clips[index].hops
        if hops >= limit_hops:
            break
    mean = torch.cat([m for m, _ in parts])
    noise = torch.cat([v for _, v in parts]).exp().mean(0)
    vae.latent_mean.copy_(mean.mean(0))
    vae.latent_std.copy_((mean.var(0) + noise).sqrt().clamp_min(1e-4))  # latents are sampled, not means


class LatentCache:
    """Latents of a store's clips under one autoencoder.

    Args:
        store: where the clips are.
        network: the autoencoder's network folder.
    """

    def __init__(self, store: ClipStore, network: Path) -> None:
        check_trained(network)
        self.store = store
        self.folder = store.root / "latents" / latent_key(network)
        self.vae = load_vae(network)
        self.folder.mkdir(parents=True, exist_ok=True)

    def fill(self, clips: list[Clip], report: Callable[[int, int], None] | None = None) -> None:
        """Compute what is missing; ``report`` is told how many clips of how many are done."""
        for index, clip in enumerate(clips):
            path = self.folder / f"{clip.clip_id}.npz"
            if not path.exists():
                mean, logvar = encode_clip(self.vae, clip.audio())
                partial = path.with_name(f".{path.name}")
                np.savez(partial, mean=mean.half().numpy(), logvar=logvar.half().numpy())
                partial.replace(path)
            if report:
                report(index + 1, len(clips))

    def read(self, clip: Clip) -> tuple[Half, Half]:
        """Return mean and log-variance of a clip, float16 (hops, 64), unnormalised."""
        with np.load(self.folder / f"{clip.clip_id}.npz") as arrays:
            return arrays["mean"], arrays["logvar"]
