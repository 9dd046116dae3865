"""Small WAD files and maps made by hand, for tests without the game."""

from __future__ import annotations

import struct
from pathlib import Path

from sr_runtime.data.wad import DoomMap, Line

DOOR_SPECIAL = 1


def write_wad(path: Path, lumps: list[tuple[str, bytes]], kind: bytes = b"IWAD") -> Path:
    """Write lumps in order as a WAD."""
    data, directory = b"", b""
    for name, body in lumps:
        directory += struct.pack("<ii8s", 12 + len(data), len(body), name.encode())
        data += body
    path.write_bytes(struct.pack("<4sii", kind, len(lumps), 12 + len(data)) + data + directory)
    return path


def sound_lump(rate: int, samples: bytes) -> bytes:
    """Return a sound in Doom's format."""
    return struct.pack("<HHI", 3, rate, len(samples)) + samples


def two_rooms(with_door: bool = True) -> DoomMap:
    """Return two rooms of 400 × 400 beside each other, with a door of 128 between them or none.

    ::

        (0,400) ┌────────┬────────┐ (800,400)
                │ room 0 ▒ room 1 │      ▒ door from y = 136 to 264, a closed sector 16 deep
        (0,0)   └────────┴────────┘ (800,0)
    """
    rooms, closed = (0.0, 0.0), [0.0, 0.0, 0.0]
    walls = [
        (0, 0, 392, 0, 0), (0, 400, 392, 400, 0), (0, 0, 0, 400, 0),
        (408, 0, 800, 0, 1), (408, 400, 800, 400, 1), (800, 0, 800, 400, 1),
    ]  # fmt: skip
    gap = [(0, 136), (264, 400)] if with_door else [(0, 400)]
    for x, room in ((392, 0), (408, 1)):
        walls += [(x, low, x, high, room) for low, high in gap]
    lines = [Line(*map(float, wall[:4]), wall[4], -1, True, 0) for wall in walls]
    if with_door:
        lines += [
            Line(392.0, 136.0, 392.0, 264.0, 0, 2, False, DOOR_SPECIAL),
            Line(408.0, 136.0, 408.0, 264.0, 1, 2, False, DOOR_SPECIAL),
            Line(392.0, 136.0, 408.0, 136.0, 2, -1, True, 0),
            Line(392.0, 264.0, 408.0, 264.0, 2, -1, True, 0),
        ]
    things = [(100.0, 200.0, 1), (700.0, 200.0, 3004), (4.0, 200.0, 2001)]
    return DoomMap(lines, floors=closed, ceilings=[128.0, 128.0, rooms[0]], things=things)
