"""Maps are read from WADs, and ways are found on them."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest

from sr_runtime.data.navigation import WalkGrid
from sr_runtime.data.wad import Wad
from sr_runtime.errors import DataError
from tests.unit.doom_files import two_rooms, write_wad

LEFT, RIGHT = (100.0, 200.0), (700.0, 200.0)

UDMF = """
namespace = "zdoom"; // a comment { with a brace
vertex { x = 0; y = 0; } vertex { x = 64.5; y = 0; }
sector { heightfloor = 8; heightceiling = 136; texturefloor = "FLOOR0_1"; }
sidedef { sector = 0; } sidedef { sector = 0; }
linedef { v1 = 0; v2 = 1; sidefront = 0; blocking = true; }
linedef { v1 = 1; v2 = 0; sidefront = 0; sideback = 1; special = 12; }
thing { x = 10; y = -20; type = 3004; skill1 = true; }
"""


def test_a_closed_door_is_a_way():
    path = WalkGrid(two_rooms()).path(LEFT, RIGHT)
    assert path
    assert math.dist(path[-1], RIGHT) < 30
    assert any(390 < x < 410 and 136 < y < 264 for x, y in path)


def test_the_way_keeps_a_body_away_from_walls():
    for x, y in WalkGrid(two_rooms()).path((60.0, 60.0), (740.0, 340.0)):
        assert 16 <= x <= 784
        assert 16 <= y <= 384


def test_a_wall_without_a_door_is_no_way():
    assert WalkGrid(two_rooms(with_door=False)).path(LEFT, RIGHT) == []


def test_places_inside_walls_are_no_spots():
    grid = WalkGrid(two_rooms())
    assert grid.spots == [LEFT, RIGHT]
    assert grid.is_blocked((4.0, 200.0))


def test_doors_are_known_by_their_middle():
    grid = WalkGrid(two_rooms())
    assert sorted(grid.doors) == [(392.0, 200.0), (408.0, 200.0)]
    assert sorted(grid.usable) == sorted(grid.doors)


def test_a_high_step_is_a_wall_and_a_low_one_is_not():
    doom_map = two_rooms()
    doom_map.ceilings[2] = 128.0
    doom_map.floors[2] = 24.0
    assert WalkGrid(doom_map).path(LEFT, RIGHT)
    doom_map.floors[2] = 25.0
    assert WalkGrid(doom_map).path(LEFT, RIGHT) == []


def test_a_binary_map_is_read(tmp_path: Path):
    lumps = [
        ("MAP01", b""),
        ("THINGS", struct.pack("<hhHHH", -5, 7, 90, 3004, 7)),
        ("LINEDEFS", struct.pack("<HHHHHHH", 0, 1, 1, 26, 0, 0, 0xFFFF)),
        ("SIDEDEFS", struct.pack("<hh8s8s8sH", 0, 0, b"-", b"-", b"WALL", 0)),
        ("VERTEXES", struct.pack("<hhhh", 0, 0, 64, -32)),
        ("SECTORS", struct.pack("<hh8s8shHH", -8, 120, b"F", b"C", 160, 0, 0)),
    ]
    doom_map = Wad(write_wad(tmp_path / "a.wad", lumps)).map("MAP01")
    line = doom_map.lines[0]
    assert (line.x2, line.y2, line.front, line.back) == (64, -32, 0, -1)
    assert (line.blocking, line.special) == (True, 26)
    assert (doom_map.floors, doom_map.ceilings) == ([-8], [120])
    assert doom_map.things == [(-5, 7, 3004)]


def test_a_text_map_is_read(tmp_path: Path):
    path = write_wad(tmp_path / "a.wad", [("MAP01", b""), ("TEXTMAP", UDMF.encode()), ("ENDMAP", b"")])
    doom_map = Wad(path).map("MAP01")
    assert doom_map.things == [(10.0, -20.0, 3004)]
    assert [line.back for line in doom_map.lines] == [-1, 0]
    assert doom_map.lines[0].blocking
    assert doom_map.lines[0].x2 == 64.5
    assert doom_map.lines[1].special == 12
    assert (doom_map.floors, doom_map.ceilings) == ([8.0], [136.0])


def test_a_file_that_is_no_wad_and_a_missing_map_are_named(tmp_path: Path):
    other = tmp_path / "b.wad"
    other.write_bytes(b"RIFF" + bytes(20))
    with pytest.raises(DataError, match="RIFF"):
        Wad(other)
    with pytest.raises(DataError, match="MAP07"):
        Wad(write_wad(tmp_path / "c.wad", [("MAP01", b"")])).map("MAP07")
