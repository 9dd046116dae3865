"""Read WAD files: the directory of lumps and a map's geometry, in Doom's binary and in the UDMF text format.

The agent finds its way with the geometry; the ground truth passes look up sound lumps.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sr_runtime.errors import DataError

BLOCKING_FLAG = 1
NO_SECTOR = 0xFFFF


class Lump(NamedTuple):
    """A named piece of a WAD; its bytes are ``wad.data[start:start + size]``."""

    name: str
    start: int
    size: int


class Line(NamedTuple):
    """A wall or step from (x1, y1) to (x2, y2); ``back`` is −1 where nothing is behind."""

    x1: float
    y1: float
    x2: float
    y2: float
    front: int
    back: int
    blocking: bool
    special: int


@dataclass
class DoomMap:
    """A map's geometry in map units.

    Attributes:
        lines: all linedefs.
        floors: floor height per sector.
        ceilings: ceiling height per sector.
        things: (x, y, type) of everything placed on the map.
    """

    lines: list[Line] = field(default_factory=list)
    floors: list[float] = field(default_factory=list)
    ceilings: list[float] = field(default_factory=list)
    things: list[tuple[float, float, int]] = field(default_factory=list)


class Wad:
    """A WAD file in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data = path.read_bytes()
        kind, count, directory = struct.unpack_from("<4sii", self.data)
        if kind not in (b"IWAD", b"PWAD"):
            raise DataError(f"{path} is no WAD file: it begins with {kind!r}, expected IWAD or PWAD.")
        self.lumps = [_lump(self.data, directory + 16 * i) for i in range(count)]

    def read(self, lump: Lump) -> bytes:
        """Return the lump's bytes."""
        return self.data[lump.start : lump.start + lump.size]

    def map(self, name: str) -> DoomMap:
        """Return the geometry of map ``name``.

        Raises:
            DataError: the WAD has no such map.
        """
        names = [lump.name for lump in self.lumps]
        if name not in names:
            raise DataError(f"{self.path.name} has no map {name}.")
        first = names.index(name) + 1
        if names[first] == "TEXTMAP":
            return _udmf_map(self.read(self.lumps[first]).decode("latin-1"))
        parts = {lump.name: self.read(lump) for lump in reversed(self.lumps[first : first + 10])}
        return _binary_map(parts)


def _lump(data: bytes, at: int) -> Lump:
    start, size, name = struct.unpack_from("<ii8s", data, at)
    return Lump(name.split(b"\0")[0].decode("latin-1").upper(), start, size)


def _binary_map(parts: dict[str, bytes]) -> DoomMap:
    vertices = list(struct.iter_unpack("<hh", parts["VERTEXES"]))
    side_sectors = [row[5] for row in struct.iter_unpack("<hh8s8s8sH", parts["SIDEDEFS"])]
    result = DoomMap()
    for row in struct.iter_unpack("<hh8s8shHH", parts["SECTORS"]):
        result.floors.append(row[0])
        result.ceilings.append(row[1])
    result.things = [(row[0], row[1], row[3]) for row in struct.iter_unpack("<hhHHH", parts["THINGS"])]
    for v1, v2, flags, special, _tag, right, left in struct.iter_unpack("<HHHHHHH", parts["LINEDEFS"]):
        front, back = (side_sectors[s] if s != NO_SECTOR else -1 for s in (right, left))
        (x1, y1), (x2, y2) = vertices[v1], vertices[v2]
        result.lines.append(Line(x1, y1, x2, y2, front, back, bool(flags & BLOCKING_FLAG), special))
    return result


def _udmf_map(text: str) -> DoomMap:
    vertices: list[tuple[float, float]] = []
    sides: list[int] = []
    lines: list[dict[str, str]] = []
    result = DoomMap()
    for kind, block in _udmf_blocks(text):
        if kind == "vertex":
            vertices.append((float(block["x"]), float(block["y"])))
        elif kind == "sidedef":
            sides.append(int(block["sector"]))
        elif kind == "linedef":
            lines.append(block)
        elif kind == "sector":
            result.floors.append(float(block.get("heightfloor", 0)))
            result.ceilings.append(float(block.get("heightceiling", 0)))
        elif kind == "thing":
            result.things.append((float(block["x"]), float(block["y"]), int(block["type"])))
    result.lines = [_udmf_line(block, vertices, sides) for block in lines]
    return result


def _udmf_blocks(text: str) -> Iterator[tuple[str, dict[str, str]]]:
    text = re.sub(r"//[^\n]*", "", text)
    for match in re.finditer(r"(\w+)\s*\{([^}]*)\}", text):
        pairs = re.findall(r"(\w+)\s*=\s*\"?([^;\"]*)\"?\s*;", match[2])
        yield match[1].lower(), {key.lower(): value.strip() for key, value in pairs}


def _udmf_line(block: dict[str, str], vertices: list[tuple[float, float]], sides: list[int]) -> Line:
    back = int(block.get("sideback", -1))
    (x1, y1), (x2, y2) = vertices[int(block["v1"])], vertices[int(block["v2"])]
    return Line(
        x1,
        y1,
        x2,
        y2,
        sides[int(block["sidefront"])],
        sides[back] if back >= 0 else -1,
        block.get("blocking") == "true",
        int(block.get("special", 0)),
    )
