"""Sounds and clips made by rule, for tests of the evaluation: bursts like shots, pictures that flash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sr_runtime.data.splits import Split
from sr_runtime.data.store import Clip, ClipMeta, ClipStore
from sr_runtime.types import HOP_HZ, HOP_SAMPLES, SAMPLE_RATE, Audio


def bursts(times_s: Sequence[float], seconds: float, seed: int = 0, level: float = 0.2) -> Audio:
    """Return decaying noise bursts of 0.3 s beginning at the given times, both channels alike."""
    rng = np.random.default_rng(seed)
    sound = np.zeros((round(seconds * SAMPLE_RATE), 2), np.float32)
    length = round(0.3 * SAMPLE_RATE)
    for time_s in times_s:
        start = round(time_s * SAMPLE_RATE)
        burst = rng.standard_normal(length) * np.exp(-np.arange(length) / 4000) * level
        room = len(sound[start : start + length])
        sound[start : start + length] += burst[:room, None].astype(np.float32)
    return sound


def sparse_times(seconds: float, seed: int = 0) -> np.ndarray:
    """Return about one time a second, at least 0.25 s apart, as the sparse preset plays."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(0.25 + rng.exponential(0.75, round(3 * seconds)))
    return times[times < seconds - 0.5]


def write_clip(
    root: Path,
    name: str,
    kind: str,
    flashes: Sequence[int],
    hops: int = 90,
    stems: Mapping[str, Sequence[int]] | None = None,
    split: Split = "validation",
) -> Clip:
    """Write a clip: white for 3 hops at each flash, which bursts in the same hop.

    Args:
        root: The store.
        name: The clip's.
        kind: How it was played.
        flashes: Hops.
        hops: Length.
        stems: Class → the hops of its bursts.
        split: What it may be used for.
    """
    meta = ClipMeta(clip_id=name, split=split, source="video", kind=kind, width=32, height=32, seed=len(name))
    times_s = np.array([flash / HOP_HZ for flash in flashes])
    sound = bursts(times_s, hops * HOP_SAMPLES / SAMPLE_RATE, seed=len(name))
    # Panned to the left, so that sides can be judged.
    sound[:, 1] *= 0.3
    with ClipStore(root).writer(meta) as writer:
        for hop in range(hops):
            is_white = any(flash <= hop < flash + 3 for flash in flashes)
            writer.add_frame(np.full((32, 32, 3), 255 if is_white else 0, np.uint8))
        pcm = np.clip(np.rint(sound * 32767), -32768, 32767).astype(np.int16)
        for stem, bursts_at in (stems or {}).items():
            alone = bursts([at / HOP_HZ for at in bursts_at], hops * HOP_SAMPLES / SAMPLE_RATE)
            writer.add_stem(stem, np.rint(alone * 32767).clip(-32768, 32767).astype(np.int16))
        return writer.finish(pcm, [], times_s if kind == "sparse" else None)
