"""Say what OpenArena is to play: a take is one demo file, whose name tells all that cutting it again needs.

Called by the recorder and the command line. Pure planning; nothing is run here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sr_runtime.data.splits import OPENARENA, OPENARENA_MAPS, Split, check_recordable
from sr_runtime.data.store import ClipStore
from sr_runtime.errors import DataError
from sr_runtime.types import HOP_HZ

CLIP_SECONDS = 30
TAKE_CLIPS = 4
"""The game takes some seconds to start, so longer takes cost less; shorter ones vary more."""
TAKE_SECONDS = TAKE_CLIPS * CLIP_SECONDS
DEMO_SUFFIX = ".dm_71"
"""OpenArena 0.8.8 speaks protocol 71."""
DEMOS_FOLDER = "demos"

_NAME = re.compile(r"openarena-(?P<split>[a-z]+)-(?P<map>[a-z0-9_]+)-s(?P<seed>\d+)-(?P<index>\d{5})")


@dataclass(frozen=True)
class Take:
    """Two minutes of bots playing one map, and the clips to cut from them.

    Attributes:
        split: what its clips may be used for.
        map: OpenArena's name in small letters, such as ``oa_dm1``.
        seed: of the whole recording; it chooses bots and skills, not their moves, which no seed fixes.
        index: of the take in the recording.
        clips: how many to cut, at most :data:`TAKE_CLIPS`.
        hops: length of each clip.
    """

    split: Split
    map: str
    seed: int
    index: int
    clips: int = TAKE_CLIPS
    hops: int = CLIP_SECONDS * HOP_HZ

    @property
    def name(self) -> str:
        """Return the demo's name without suffix."""
        return f"openarena-{self.split}-{self.map}-s{self.seed}-{self.index:05d}"

    @property
    def clip_ids(self) -> list[str]:
        """Return the names of the clips in the store, in order of time."""
        return [f"{self.name}-{clip:02d}" for clip in range(self.clips)]

    def missing(self, store: ClipStore) -> list[int]:
        """Return which clips, as positions in :attr:`clip_ids`, are not in the store at this length."""
        return [
            number
            for number, clip_id in enumerate(self.clip_ids)
            if clip_id not in store or store.clip(clip_id).hops != self.hops
        ]


def plan_takes(split: Split, seed: int, seconds: float, maps: list[str] | None = None) -> list[Take]:
    """Return the takes for ``seconds`` of play; more seconds only append clips.

    The split's maps take turns, so that every few minutes hold all of them.

    Args:
        split: ``train`` or ``validation``.
        seed: of the whole recording.
        seconds: rounded up to whole clips of 30 s (a single shorter clip if less than 30).
        maps: play these only.

    Raises:
        HeldOutError: a map does not belong to the split.
        DataError: nothing to record.
    """
    if seconds < 1:
        raise DataError(f"nothing to record: {seconds} s asked for, expected at least 1 s.")
    for name in maps or []:
        check_recordable(OPENARENA, name, split)
    names = [name.lower() for name in maps or [level.map for level in OPENARENA_MAPS[split]]]
    clips = max(1, -(-round(seconds) // CLIP_SECONDS))
    hops = round(min(seconds, CLIP_SECONDS) * HOP_HZ)
    return [
        Take(split, names[index % len(names)], seed, index, min(TAKE_CLIPS, clips - first), hops)
        for index, first in enumerate(range(0, clips, TAKE_CLIPS))
    ]


def takes_of_demos(folder: Path, split: Split) -> list[Take]:
    """Return the takes whose demo files lie in ``folder``, for rendering them again.

    Raises:
        HeldOutError: a demo's map does not belong to the split.
        DataError: no demo of the split is there, or one has a name that was not given by this recorder.
    """
    takes = [
        take_named(path.name.removesuffix(DEMO_SUFFIX)) for path in sorted(folder.glob(f"*{DEMO_SUFFIX}"))
    ]
    chosen = [take for take in takes if take.split == split]
    if not chosen:
        raise DataError(
            f"{folder} has no {split} demos (*{DEMO_SUFFIX}); record some with: "
            f"sr-runtime record openarena --out STORE --minutes 10 --split {split}"
        )
    return chosen


def take_named(name: str) -> Take:
    """Return the take of a demo's name.

    Raises:
        HeldOutError: the map may not be recorded for the split that the name says.
        DataError: the name is none of this recorder's.
    """
    found = _NAME.fullmatch(name)
    if found is None or found["split"] not in OPENARENA_MAPS:
        raise DataError(
            f"{name}{DEMO_SUFFIX} is no demo of this recorder: expected a name such as "
            f"openarena-train-oa_dm1-s1-00000{DEMO_SUFFIX}; move other demos out of the folder."
        )
    split: Split = "train" if found["split"] == "train" else "validation"
    check_recordable(OPENARENA, found["map"], split)
    return Take(split, found["map"], int(found["seed"]), int(found["index"]))


def bots_of(take: Take, names: tuple[str, ...]) -> list[tuple[str, int]]:
    """Return the take's bots with their skills 2 … 5: four to six different ones, by its seed.

    The first is the one through whose eyes is seen.
    """
    rng = np.random.default_rng(np.random.SeedSequence([take.seed, take.index]))
    chosen = rng.permutation(len(names))[: int(rng.integers(4, 7))]
    return [(names[i], int(rng.integers(2, 6))) for i in chosen]
