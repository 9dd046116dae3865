"""Which maps may be recorded and for what: the one list that the recorder, the trainer and the demo obey.

Held-out maps are refused, so that a figure measured on them some day is a figure on unseen levels.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from sr_runtime.errors import HeldOutError

Split = Literal["train", "validation"]
SPLITS: Final[tuple[Split, ...]] = ("train", "validation")


class Level(NamedTuple):
    """A playable map, in capitals: ``wad`` is a file name without suffix (``freedoom2``), ``map`` its lump
    (``MAP05``); for OpenArena they are ``openarena`` and such as ``OA_DM1``.
    """

    wad: str
    map: str


def _episode(number: int, first: int = 1, last: int = 9) -> list[Level]:
    return [Level("freedoom1", f"E{number}M{m}") for m in range(first, last + 1)]


TRAIN_MAPS: Final[tuple[Level, ...]] = (
    *(Level("freedoom2", f"MAP{m:02d}") for m in range(1, 25)),
    *_episode(1),
    *_episode(2),
    *_episode(3, last=7),
)
VALIDATION_MAPS: Final[tuple[Level, ...]] = (
    *(Level("freedoom2", f"MAP{m:02d}") for m in range(25, 28)),
    *_episode(3, first=8),
)
HELD_OUT_MAPS: Final[tuple[Level, ...]] = (
    *(Level("freedoom2", f"MAP{m:02d}") for m in range(28, 33)),
    *_episode(4),
)
SCENARIOS: Final[tuple[Level, ...]] = (
    Level("deathmatch", "MAP01"),
    Level("defend_the_center", "MAP01"),
    Level("defend_the_line", "MAP01"),
    Level("take_cover", "MAP01"),
    Level("deadly_corridor", "MAP01"),
)
"""Small arenas of ViZDoom: training only."""

OPENARENA = "openarena"
OPENARENA_MAPS: Final[dict[Split, tuple[Level, ...]]] = {
    "train": tuple(Level(OPENARENA, f"OA_{name}") for name in ("DM1", "DM2", "DM3", "DM4", "RPG3DM2")),
    "validation": (Level(OPENARENA, "OA_DM5"),),
}
"""OpenArena's maps that may be recorded; all its others are held out."""


def levels(split: Split) -> tuple[Level, ...]:
    """Return the maps of ``split``, without the scenarios."""
    return TRAIN_MAPS if split == "train" else VALIDATION_MAPS


def level_named(name: str) -> Level:
    """Return the level of a name: ``E1M3`` is Freedoom 1's, ``MAP05`` Freedoom 2's, ``cig`` an arena."""
    if name.lower() in {scenario.wad for scenario in SCENARIOS}:
        return Level(name.lower(), "MAP01")
    return Level("freedoom1" if name.upper().startswith("E") else "freedoom2", name.upper())


def split_of(wad: str, map_name: str) -> Split:
    """Return the only split that this map may be recorded for.

    Raises:
        HeldOutError: the map is held out, or on no list (an unknown map could be a held-out one renamed).
    """
    level = Level(wad.lower(), map_name.upper())
    if level in TRAIN_MAPS or level in SCENARIOS or level in OPENARENA_MAPS["train"]:
        return "train"
    if level in VALIDATION_MAPS or level in OPENARENA_MAPS["validation"]:
        return "validation"
    is_held_out = level in HELD_OUT_MAPS or level.wad == OPENARENA
    known = "is held out" if is_held_out else "is on no list of sr_runtime/data/splits.py"
    raise HeldOutError(
        f"{level.wad} {level.map} {known}: it must not be recorded, trained or tuned on. "
        "Choose a map of sr_runtime.data.splits: TRAIN_MAPS, VALIDATION_MAPS or OPENARENA_MAPS."
    )


def check_recordable(wad: str, map_name: str, split: Split | None = None) -> None:
    """Refuse a map that may not be recorded (for ``split``, when one is given).

    Raises:
        HeldOutError: the map is held out, unknown, or belongs to the other split.
    """
    allowed = split_of(wad, map_name)
    if split is not None and split != allowed:
        raise HeldOutError(
            f"{wad} {map_name} belongs to the {allowed} split, but was asked for as {split}: "
            f"record it with --split {allowed}."
        )
