"""A store of two short clips and a model of a few thousand weights: training in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from sr_runtime.data.store import Clip, ClipMeta, ClipStore
from sr_runtime.model.checkpoint import save_network
from sr_runtime.model.presets import (
    AggregatorConfig,
    CompactVAEConfig,
    HeadConfig,
    ModelConfig,
    TransformerConfig,
    VAEConfig,
    VisionConfig,
)
from sr_runtime.model.vae import build_vae
from sr_runtime.model.vae_compact import CompactVAE
from sr_runtime.train.features import vision_key
from sr_runtime.train.vae_compact import fit
from sr_runtime.types import HOP_SAMPLES

TINY = ModelConfig(
    name="tiny",
    vision=VisionConfig(backbone="efficientnet_lite0", width=32, height=32, tap_block=1, pca=None),
    aggregator=AggregatorConfig(width=16, layers=1, heads=2, hidden=32, projection=8, kernel=2, dropout=0.0),
    transformer=TransformerConfig(
        width=32,
        layers=1,
        heads=2,
        kv_heads=1,
        head_dim=16,
        hidden=32,
        window=16,
        context=24,
        attention_dropout=0.0,
    ),
    head=HeadConfig(width=32, blocks=1, frequencies=16),
    vae=VAEConfig(
        kind="compact",
        compact=CompactVAEConfig(bands=12, fast_bands=8),
    ),
)


def make_store(root: Path, hops: int = 60, sound: npt.NDArray[np.float32] | None = None) -> ClipStore:
    """Write one training and one validation clip: a flash every 10 hops, each with a decaying tone.

    Or with another sound, float32 (hops·1600, 2).
    """
    store = ClipStore(root)
    for number, split in enumerate(("train", "validation")):
        meta = ClipMeta(
            clip_id=f"clip{number}", split=split, source="video", kind="video", width=16, height=16
        )
        with store.writer(meta) as writer:
            for hop in range(hops):
                writer.add_frame(np.full((16, 16, 3), 255 if hop % 10 == number else 0, np.uint8))
            tones = _tones(hops, number) if sound is None else (sound * 32767).astype(np.int16)
            writer.finish(tones, [])
    return store


def _tones(hops: int, offset: int) -> np.ndarray:
    time = np.arange(hops * HOP_SAMPLES)
    since = (time - offset * HOP_SAMPLES) % (10 * HOP_SAMPLES)
    tone = 0.5 * np.exp(-since / 3000) * np.sin(2 * np.pi * 440 / 48_000 * since)
    return (np.stack((tone, 0.5 * tone), 1) * 32767).astype(np.int16)


class Heard:
    """A clip of given sound, int16 (hops·1600, 2)."""

    def __init__(self, pcm: npt.NDArray[np.int16]) -> None:
        self.hops, self._pcm = len(pcm) // HOP_SAMPLES, pcm

    def audio(self) -> npt.NDArray[np.int16]:
        """Return it."""
        return self._pcm


def stereo_vae(clips: Sequence[Clip]) -> CompactVAE:
    """Return a compact autoencoder that has heard clips, and the same with left and right exchanged."""
    torch.manual_seed(0)
    vae = CompactVAE(VAEConfig(kind="compact", compact=CompactVAEConfig(past_hops=1)))
    sounds = [clip.audio() for clip in clips]
    fit(vae, [Heard(pcm) for pcm in (*sounds, *(sound[:, ::-1].copy() for sound in sounds))])  # type: ignore[misc]
    return vae.eval()


def make_features(store: ClipStore, config: ModelConfig = TINY) -> None:
    """Write picture features without running the encoder: brightness plus noise."""
    folder = store.root / "features" / vision_key(config.vision) / "raw"
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    shape = (config.vision.channels, *config.vision.grid_shape)
    for clip in store:
        brightness = clip.frames()[:, 0, 0, 0].astype(np.float32)[:, None, None, None] / 255
        grids = brightness + 0.05 * rng.standard_normal((clip.hops, *shape))
        np.save(folder / f"{clip.clip_id}.npy", grids.astype(np.float16))


def make_vae(folder: Path, config: ModelConfig = TINY) -> Path:
    """Save an untrained autoencoder; returns its folder."""
    save_network(folder, build_vae(config.vae), config)
    return folder
