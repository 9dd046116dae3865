"""Read what OpenArena printed while a demo was shown: the map, and what happened in each picture.

Called by the OpenArena recorder. With ``cg_stats 1`` the game prints a line after each picture, with
``cg_debugEvents 1`` one for each event before it::

    sr: video starts                    our own mark: the next picture is that of hop 0
    ent:  1  event: 23 EV_FIRE_WEAPON   an entity did something that is seen and heard
    cg.clientFrame:1304                 the picture is complete
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sr_runtime.data.store import Event
from sr_runtime.types import HOP_HZ

MARK = "sr: video starts"

_EVENT = re.compile(r"ent:\s*(\d+)\s+event:\s*\d+\s+EV_(\w+)")
_FRAME = re.compile(r"cg\.clientFrame:\d+")
_MAP = re.compile(r"\\mapname\\([^\\\s\"]+)")

_KINDS = {
    "shot": ("FIRE_WEAPON", "FIRE_WEAPON2"),
    "weapon": ("CHANGE_WEAPON",),
    "pickup": ("ITEM_PICKUP", "GLOBAL_ITEM_PICKUP"),
    "use": tuple(f"USE_ITEM{n}" for n in range(16)),
    "impact": (
        *("BULLET_HIT_WALL", "BULLET_HIT_FLESH", "SHOTGUN", "RAILTRAIL"),
        *("MISSILE_HIT", "MISSILE_MISS", "MISSILE_MISS_METAL", "GRENADE_BOUNCE"),
    ),
    "hurt": ("PAIN",),
    "kill": ("OBITUARY",),
    "death": ("DEATHx", "GIB_PLAYER"),
    "jump": ("JUMP", "JUMP_PAD"),
    "land": ("FALL_SHORT", "FALL_MEDIUM", "FALL_FAR"),
    "step": ("FOOTSTEP", "FOOTSTEP_METAL", "FOOTSPLASH", "FOOTWADE", "SWIM"),
    "teleport": ("PLAYER_TELEPORT_IN", "PLAYER_TELEPORT_OUT"),
    "item": ("ITEM_RESPAWN", "ITEM_POP"),
}
_KIND_OF = {name: kind for kind, names in _KINDS.items() for name in names}


class GameEvent(NamedTuple):
    """One printed event: the entity's number and the game's name for it, such as ``FIRE_WEAPON``."""

    entity: int
    name: str


def map_shown(log: str) -> str | None:
    """Return the name of the map that the demo was played on, or None if the game never said it."""
    found = _MAP.search(log)
    return found.group(1).lower() if found else None


def events_by_hop(log: str) -> list[list[GameEvent]]:
    """Return the events of each picture from the mark on; the first entry belongs to hop 0."""
    _, _, shown = log.partition(MARK)
    hops: list[list[GameEvent]] = []
    pending: list[GameEvent] = []
    for line in shown.splitlines():
        if event := _EVENT.search(line):
            pending.append(GameEvent(int(event.group(1)), event.group(2)))
        elif _FRAME.search(line):
            hops.append(pending)
            pending = []
    return hops


def clip_events(hops: list[list[GameEvent]], player: int) -> list[Event]:
    """Return the store's events of consecutive hops, timed from the first of them.

    Args:
        hops: the game's events by hop.
        player: the entity through whose eyes is seen.

    Returns:
        Events whose ``name`` is the game's own in small letters, and whose ``value`` is 1 if the player did
        it and 0 if somebody or something else did.
    """
    return [
        Event(hop_time_s(hop), _KIND_OF.get(name, "other"), name.lower(), float(entity == player))
        for hop, events in enumerate(hops)
        for entity, name in events
    ]


def is_teleport(events: list[GameEvent]) -> bool:
    """Return whether somebody appeared in this picture: by a teleporter, or alive again."""
    return any(name == "PLAYER_TELEPORT_IN" for _, name in events)


def hop_time_s(hop: int) -> float:
    """Return the hop's start in seconds, a microsecond late at most: ``int(time_s * 30)`` is the hop."""
    return (hop * 1_000_000 // HOP_HZ + 1) / 1e6
