"""Plan and record Doom clips: which maps are played how, from which seed, in parallel processes.

Called by ``sr-runtime record vizdoom``. A clip is one job with its own seed, drawn from (seed, index)
alone, so that a clip is the same whatever else is recorded, by how many workers, in which order.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from sr_runtime.data.agent import Kind
from sr_runtime.data.alignment import hops_of_tics, tics_for_hops
from sr_runtime.data.doom_game import SFX_VOLUME, STEM_SFX_VOLUME, TakeSpec
from sr_runtime.data.groundtruth import Fingerprint, ReplayDiffers, click_onsets, stems
from sr_runtime.data.processes import call_each
from sr_runtime.data.splits import SCENARIOS, Level, Split, check_recordable, levels
from sr_runtime.data.store import ClipMeta, ClipStore
from sr_runtime.data.vizdoom import Take
from sr_runtime.errors import DataError
from sr_runtime.picture import stretch
from sr_runtime.types import HOP_HZ

logger = logging.getLogger(__name__)

CLIP_SECONDS = 30
PICTURE_SIZE = 224
ATTEMPTS = 3
"""On an overloaded machine a replay can differ from its take (1 of 20 seen); the next try agreed.
A clip whose process dies is tried as often."""
GroundTruth = Literal["none", "clicks", "stems"]

_MIX: dict[Split, tuple[Kind, ...]] = {
    # 60 % dense, 20 % scenarios, 10 % sparse, 10 % quiet, spread so that every prefix is balanced.
    "train": (
        "dense",
        "scenario",
        "dense",
        "sparse",
        "dense",
        "dense",
        "scenario",
        "dense",
        "quiet",
        "dense",
    ),
    "validation": ("dense", "sparse"),
}


@dataclass(frozen=True)
class ClipJob:
    """One clip to record; everything in it is plain data, so that it crosses to a worker process."""

    store: Path
    clip_id: str
    split: Split
    level: Level
    kind: Kind
    seed: int
    hops: int
    ground_truth: GroundTruth = "none"
    log_doors: bool = True


def plan_clips(
    store: Path,
    split: Split,
    seed: int,
    seconds: float,
    kind: Kind | None = None,
    maps: list[Level] | None = None,
    ground_truth: GroundTruth = "none",
    log_doors: bool = True,
) -> list[ClipJob]:
    """Return the jobs for ``seconds`` of play; more seconds only append jobs.

    Args:
        store: the clip store's folder.
        split: ``train`` or ``validation``.
        seed: of the whole recording.
        seconds: rounded up to whole clips of 30 s (a single shorter clip if less than 30).
        kind: one way of playing, or None for the split's mix.
        maps: play these only.
        ground_truth: what else to record by replaying each take.
        log_doors: whether the event logs tell doors and lifts, which takes two fifths of the time.

    Raises:
        HeldOutError: a map does not belong to the split.
        DataError: nothing to record.
    """
    if seconds < 1:
        raise DataError(f"nothing to record: {seconds} s asked for, expected at least 1 s.")
    for level in maps or []:
        check_recordable(level.wad, level.map, split)
    count = max(1, -(-round(seconds) // CLIP_SECONDS))
    hops = round(min(seconds, CLIP_SECONDS) * HOP_HZ)
    label = "-".join([kind or "mix", *(level.map for level in maps or [])])
    jobs = []
    for index in range(count):
        clip_kind = kind or _MIX[split][index % len(_MIX[split])]
        rng = np.random.default_rng(np.random.SeedSequence([seed, index]))
        level = _choose_level(split, clip_kind, maps, index, rng)
        clip_id = f"doom-{split}-{label}-s{seed}-{index:05d}"
        clip_seed = int(rng.integers(1 << 31))
        jobs.append(
            ClipJob(store, clip_id, split, level, clip_kind, clip_seed, hops, ground_truth, log_doors)
        )
    return jobs


def _choose_level(
    split: Split, kind: Kind, maps: list[Level] | None, index: int, rng: np.random.Generator
) -> Level:
    if kind == "scenario" and split == "validation":
        raise DataError("the scenarios belong to the train split: record them with --split train.")
    choices = maps or (SCENARIOS if kind == "scenario" else levels(split))
    return choices[int(rng.integers(len(choices)))]


def record_clip(job: ClipJob) -> str:
    """Record one clip and return its name. Runs in a worker process.

    Raises:
        DataError: a ground truth pass became another game, several times over.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return _record_once(job)
        except ReplayDiffers as error:
            logger.info("%s (attempt %d of %d)", error, attempt, ATTEMPTS)
            if attempt == ATTEMPTS:
                raise
    raise AssertionError("unreachable")


def _record_once(job: ClipJob) -> str:
    volume = STEM_SFX_VOLUME if job.ground_truth == "stems" else SFX_VOLUME
    spec = TakeSpec(
        job.level.wad, job.level.map, job.kind, job.seed, sfx_volume=volume, log_doors=job.log_doors
    )
    tics, fingerprint, sound = tics_for_hops(job.hops), Fingerprint(), []
    with ClipStore(job.store).writer(_meta(job)) as writer:
        with Take(spec) as take:
            for hop in hops_of_tics(fingerprint.record(take.tics(tics))):
                writer.add_frame(stretch(hop.frame, PICTURE_SIZE, PICTURE_SIZE))
                sound.append(hop.sound)
        onsets = click_onsets(spec, tics, fingerprint) if job.ground_truth != "none" else None
        if job.ground_truth == "stems":
            for name, pcm in stems(spec, tics, fingerprint):
                writer.add_stem(name, pcm)
        writer.finish(np.concatenate(sound), take.events, onsets)
    return job.clip_id


def _meta(job: ClipJob) -> ClipMeta:
    return ClipMeta(
        clip_id=job.clip_id,
        split=job.split,
        source="vizdoom",
        kind=job.kind,
        width=PICTURE_SIZE,
        height=PICTURE_SIZE,
        wad=job.level.wad,
        map=job.level.map,
        seed=job.seed,
    )


def is_recorded(job: ClipJob) -> bool:
    """Return whether the job's clip is in its store, as long and with as much ground truth as asked for."""
    store = ClipStore(job.store)
    if job.clip_id not in store:
        return False
    meta = store.clip(job.clip_id).meta
    has = {"none": True, "clicks": meta.click_onsets_s is not None, "stems": bool(meta.stems)}
    return meta.hops == job.hops and has[job.ground_truth]


def record_clips(
    jobs: list[ClipJob], workers: int, record: Callable[[ClipJob], object] = record_clip
) -> Iterator[tuple[ClipJob, Exception | None]]:
    """Record the jobs whose clip is not there yet and yield each as it ends, with its error if it failed.

    Each is played in a process and a temporary folder of its own: a crash costs its own clip only, and the
    folder that ViZDoom makes in the current one is not the same for two games, nor left behind.

    Args:
        jobs: from :func:`plan_clips`.
        workers: processes that play at the same time.
        record: what records a clip in such a process.
    """
    todo = {replace(job, store=job.store.absolute()): job for job in jobs if not is_recorded(job)}
    for job, error in call_each(record, todo, workers, ATTEMPTS):
        if error is not None and not isinstance(error, Exception):
            raise error
        yield todo[job], error
