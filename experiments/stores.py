"""Link clips of a big store into a small one: an hour to train on, the validation clips to judge on.

Nothing is copied: clips, features and latents that are there are linked, so that a table costs megabytes.
What is missing is computed into the small store; the big one is only read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.errors import DataError
from sr_runtime.evaluate.clips import choose_clips
from sr_runtime.model.checkpoint import load_config, load_generator
from sr_runtime.model.generator import Generator
from sr_runtime.train.features import FeatureCache, vision_key
from sr_runtime.types import HOP_HZ

FITS = ("pca.safetensors", "backbone.onnx")


def small_store(data: Path, root: Path, hours: float, clips: int, pca: Path | None = None) -> ClipStore:
    """Return a store of ``hours`` of training play and twice ``clips`` validation clips, made once.

    Args:
        data: The store to take from.
        root: The small store; one that is there stays as it is, so that every row sees the same clips.
        hours: Of training play, spread evenly over the store; 0 where nothing is to be trained.
        clips: Validation clips of a report; as many again, where there are, to choose settings on.
        pca: Network folder whose projection of the features is used; None: the store's own.

    Raises:
        DataError: There are too few clips.
    """
    if not (root / "clips").exists():
        source = ClipStore(data)
        chosen = [*spread(source.clips("train"), hours), *validation_clips(source, clips)]
        link_fits(data, root)
        if pca is not None:
            keep_fit(pca, root)
        link(chosen, root)
    return ClipStore(root)


def spread(clips: Sequence[Clip], hours: float) -> list[Clip]:
    """Return clips that last ``hours`` together, evenly spread over all.

    Raises:
        DataError: All clips together are shorter.
    """
    wanted, there = hours * 3600 * HOP_HZ, sum(clip.hops for clip in clips)
    if not wanted:
        return []
    if there < wanted:
        raise DataError(
            f"an ablation wants {hours:g} h of training clips, got {there / HOP_HZ / 3600:.2f} h; "
            "record more or give --hours"
        )
    order = np.random.default_rng(0).permutation(len(clips))
    ends = np.cumsum([clips[index].hops for index in order])
    count = int(np.searchsorted(ends, wanted)) + 1
    return [clips[index] for index in sorted(order[:count])]


def validation_clips(source: ClipStore, count: int) -> list[Clip]:
    """Return the clips that a report takes, and as many others to choose settings on, if there are."""
    report = [clip.clip for clip in choose_clips(source, count, needs_sync=False)]
    try:
        others = choose_clips(source, count, {clip.clip_id for clip in report}, needs_sync=False)
    except DataError:
        return report
    return [*report, *(clip.clip for clip in others)]


def link(clips: Iterable[Clip], root: Path, with_caches: bool = True) -> None:
    """Link clips, with their features and latents where these are there."""
    for clip in clips:
        store = clip.path.parent.parent
        _link(clip.path, root / "clips" / clip.clip_id)
        if with_caches:
            for pattern in (f"features/*/*/{clip.clip_id}.npy", f"latents/*/{clip.clip_id}.npz"):
                for path in store.glob(pattern):
                    _link(path, root / path.relative_to(store))


def link_fits(source: Path, root: Path) -> None:
    """Link a store's encoders and PCA fits, so that both can be compared."""
    for name in FITS:
        for path in source.glob(f"features/*/{name}"):
            _link(path, root / path.relative_to(source))


def keep_fit(network: Path, root: Path) -> None:
    """Make a network's projection the store's own, so that its features serve networks from nothing too."""
    config, pca = load_config(network).vision, load_generator(network).pca
    if (fit := pca.fit()) is not None:
        path = root / "features" / vision_key(config) / FITS[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # it may be a link into the big store
        save_file({name: part.contiguous() for name, part in fit._asdict().items()}, path)


def features_for(generator: Generator, store: ClipStore, clips: Sequence[Clip]) -> FeatureCache:
    """Return filled features of clips as a generator wants them: with the projection it was trained with."""
    vision, threads = generator.config.vision, torch.get_num_threads()
    cache = FeatureCache(store, vision, threads=threads, fit=generator.pca.fit())
    cache.fill(list(clips))
    return cache


def grids_of(generator: Generator, features: FeatureCache, clip: Clip) -> Tensor:
    """Return a clip's projected grids, float32 (hops, c, h, w)."""
    with torch.no_grad():
        return generator.grids(torch.from_numpy(np.array(features.read(clip), np.float32)))


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if not target.is_symlink() and not target.exists():
        target.symlink_to(source.resolve())
