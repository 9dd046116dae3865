"""Fit the map from picture to side (:mod:`sr_runtime.model.steering`), in closed form.

Ridge regression of how far the true sound is panned on the grid of the picture at hand, over the 100 ms
windows that are clearly panned. Features are computed first where a store lacks them; the rest takes seconds
per hour of play. Called by ``sr-runtime train steering`` and by the experiments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.errors import TrainingError
from sr_runtime.evaluate.paired import SIDE_WINDOW_S, FloatArray, panning_db
from sr_runtime.model.checkpoint import CONFIG_FILE, grid_key, kind_of, load_generator, save_network
from sr_runtime.model.generator import Generator
from sr_runtime.model.steering import Panning
from sr_runtime.train.features import FeatureCache
from sr_runtime.train.latents import check_trained
from sr_runtime.train.vae_compact import Moments, covariances, regression
from sr_runtime.types import HOP_HZ

CELLS = 2, 8
"""Rows and columns that a grid is averaged to before it is fitted to: what counts is where, left to right."""

WIDEST_DB = 12.0
"""Panned further than this is as clear as this."""

RIDGE = 1.0
"""Times the mean variance of the features, which are scaled to about equal variance before."""

WINDOW_HOPS = round(SIDE_WINDOW_S * HOP_HZ)


FillReport = Callable[[int, int], None]
"""Told how many clips of how many have their features."""


def train_steering(
    data: Path, out: Path, generator: Path, threads: int = 1, report: FillReport | None = None
) -> dict[str, float]:
    """Fit the map to a store's training clips and write it to ``out/network``.

    Args:
        data: Clip store; without clearly panned validation clips nothing is said of how good the map is.
        out: Run folder.
        generator: Network folder whose grids it is to read.
        threads: Of the picture encoder.
        report: Told how features come along, where they are missing.

    Returns:
        How many windows it was fitted to and judged on, and the share of the latter whose side it tells.

    Raises:
        TrainingError: No training clip is clearly panned, the generator's latents cannot be mirrored, or
            another network is in ``out``.
    """
    check_trained(generator)
    store, network = ClipStore(data), load_generator(generator)
    _check(network, out / "network")
    features = FeatureCache(store, network.config.vision, threads=threads, fit=network.pca.fit())
    features.fill([*store.clips("train"), *store.clips("validation")], report)
    panning, windows = fit_panning(network, features, store.clips("train"))
    facts: dict[str, float] = {"windows": windows}
    told, truth = told_of_windows(panning, network, features, store.clips("validation"))
    if len(truth):
        facts["validation_windows"] = len(truth)
        facts["validation_agreement"] = float((np.sign(told) == np.sign(truth)).mean())
    origin = {"grids": grid_key(network), "hours": round(hours_of(store.clips("train")), 3)}
    save_network(out / "network", panning, network.config, {"stage": "steering", **origin, **facts})
    return facts


def _check(generator: Generator, target: Path) -> None:
    kind = generator.config.vae.kind
    if kind != "compact":
        raise TrainingError(
            f"steering mirrors latents of the compact autoencoder, this generator's are {kind}; export it "
            "without --steering"
        )
    if (target / CONFIG_FILE).exists() and kind_of(target) != "panning":
        raise TrainingError(f"{target} holds a {kind_of(target)}; choose another --out")


def fit_panning(generator: Generator, features: FeatureCache, clips: Sequence[Clip]) -> tuple[Panning, int]:
    """Return the map that fits clips best, and to how many windows it was fitted.

    Raises:
        TrainingError: None of them is clearly panned.
    """
    total: Moments | None = None
    for grids, panning in panned_windows(generator, features, clips):
        seen = F.adaptive_avg_pool2d(grids, CELLS).flatten(1).double()
        asked = torch.from_numpy(panning.clip(-WIDEST_DB, WIDEST_DB))[:, None]
        part = Moments(len(seen), seen.sum(0), asked.sum(0), seen.T @ seen, seen.T @ asked)
        total = part if total is None else total + part
    if total is None:
        raise TrainingError(
            f"none of {len(clips)} training clips is clearly panned, so no side can be learned; record some "
            "in stereo, or export without --steering"
        )
    sums, scale = _scaled(total)
    slopes, constant = regression(sums, RIDGE)
    fitted = Panning(generator.config.vision)
    fitted.weight.copy_(_spread(slopes[:, 0] / scale, fitted.weight.shape))
    fitted.bias.copy_(constant[0])
    return fitted, total.count


def told_of_windows(
    panning: Panning, generator: Generator, features: FeatureCache, clips: Sequence[Clip]
) -> tuple[FloatArray, FloatArray]:
    """Return what a map tells of the clearly panned windows of clips, and how they are panned, dB."""
    pairs = [(panning(grids).numpy(), truth) for grids, truth in panned_windows(generator, features, clips)]
    told, truth = zip(*pairs, strict=True) if pairs else ((), ())
    return np.concatenate([np.zeros(0), *told]), np.concatenate([np.zeros(0), *truth])


def panned_windows(
    generator: Generator, features: FeatureCache, clips: Sequence[Clip]
) -> Iterator[tuple[Tensor, FloatArray]]:
    """Yield the clearly panned windows of each clip that has any.

    As the grids at their ends, (n, c, h, w), and the panning, (n,), dB.
    """
    for clip in clips:
        panning = panning_db(clip.audio().astype(np.float32) / np.float32(32768.0))
        windows = np.flatnonzero(panning)
        if len(windows):
            shown = features.read(clip)[(windows + 1) * WINDOW_HOPS - 1]
            with torch.no_grad():
                yield generator.grids(torch.from_numpy(shown).float()), panning[windows]


def hours_of(clips: Sequence[Clip]) -> float:
    """Return how long clips last together, in hours."""
    return sum(clip.hops for clip in clips) / HOP_HZ / 3600


def _scaled(sums: Moments) -> tuple[Moments, Tensor]:
    """Return the sums of features that vary about equally, and what they were divided by."""
    scale = covariances(sums)[0].diagonal().clamp_min(0.0).sqrt() + 1e-3
    heard_heard, heard_asked = sums.heard_heard / torch.outer(scale, scale), sums.heard_asked / scale[:, None]
    return Moments(sums.count, sums.heard / scale, sums.asked, heard_heard, heard_asked), scale


def _spread(slopes: Tensor, shape: torch.Size) -> Tensor:
    """Return slopes of cells (c · rows · columns,) as those of the grid (c, h, w) averaged to them."""
    channels, height, width = shape
    units = torch.eye(height * width, dtype=slopes.dtype).reshape(-1, 1, height, width)
    shares = F.adaptive_avg_pool2d(units, CELLS).flatten(1)
    return (slopes.reshape(channels, -1) @ shares.T).reshape(shape)
