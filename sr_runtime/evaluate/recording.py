"""Plan the recording of the clips that an evaluation without ``--data`` needs.

Called by ``sr-runtime evaluate``. The clips stay in the user's cache folder: the seed is fixed, so that two
machines evaluate on the same play.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from platformdirs import user_cache_path

from sr_runtime.data.recorder import CLIP_SECONDS, ClipJob, plan_clips
from sr_runtime.evaluate.clips import SPARSE_KIND

_SEED: Final = 20_000
"""Far from the seeds that people record with."""

_REVISION: Final = 1
"""Raise when the recorder changes what is heard or seen: old caches are then not used."""


def cached_store() -> Path:
    """Return the folder of the cached validation clips."""
    return user_cache_path("sr-runtime") / "evaluate" / f"validation-{_REVISION}"


def plan_validation(store: Path, clips: int) -> list[ClipJob]:
    """Return the jobs for an evaluation on ``clips`` clips of 30 s; more clips only append jobs.

    Args:
        store: The clip store's folder.
        clips: How many clips: one half sparse with click ground truth, the other dense.

    Returns:
        Jobs for :func:`sr_runtime.data.recorder.record_clips`, which skips those already there.
    """
    n_sparse = max(1, clips // 2)
    n_dense = max(1, clips - n_sparse)
    return [
        *plan_clips(
            store, "validation", _SEED, n_sparse * CLIP_SECONDS, kind=SPARSE_KIND, ground_truth="clicks"
        ),
        *plan_clips(store, "validation", _SEED, n_dense * CLIP_SECONDS, kind="dense"),
    ]
