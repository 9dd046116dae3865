"""Find the way on a Doom map: a grid of walkable cells made from the map's walls, steps and doors.

Used by the playing agent. A cell is blocked where the player's body (radius 16 units) would touch a wall;
closed doors count as open, since the agent opens them.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from sr_runtime.data.wad import DoomMap, Line

CELL = 24.0
"""Units per cell: corridors of 64 units stay two cells wide after walls are thickened."""
BODY = 18.0
"""The player's radius is 16 units; two more keep the path off the walls."""
MAX_STEP = 24.0
"""The player climbs steps of up to 24 units (Doom's rule)."""
BODY_HEIGHT = 56.0
_NEIGHBOURS = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]

Cell = tuple[int, int]
Point = tuple[float, float]


class WalkGrid:
    """Walkable cells of a map, with shortest paths between them.

    Args:
        doom_map: the geometry.
    """

    def __init__(self, doom_map: DoomMap) -> None:
        xs = [x for line in doom_map.lines for x in (line.x1, line.x2)]
        ys = [y for line in doom_map.lines for y in (line.y1, line.y2)]
        self._left, self._bottom = min(xs) - 2 * CELL, min(ys) - 2 * CELL
        shape = (
            int((max(xs) - self._left) / CELL) + 3,
            int((max(ys) - self._bottom) / CELL) + 3,
        )
        self._blocked = np.zeros(shape, bool)
        self._blocked[[0, -1], :] = True
        self._blocked[:, [0, -1]] = True
        self.doors: list[Point] = []
        self.usable: list[Point] = []
        for line in doom_map.lines:
            self._add_line(line, doom_map)
        self.spots = [(x, y) for x, y, _ in doom_map.things if not self.is_blocked((x, y))]

    def is_blocked(self, point: Point) -> bool:
        """Return whether a body does not fit at ``point``."""
        return bool(self._blocked[self._cell(point)])

    def path(self, start: Point, goal: Point, max_cells: int = 6000) -> list[Point]:
        """Return the way from start to goal as points one cell apart, or [] if there is none near."""
        first, last = self._cell(start), self._cell(goal)
        came: dict[Cell, Cell] = {first: first}
        queue = deque([first])
        while queue and len(came) < max_cells:
            cell = queue.popleft()
            if cell == last:
                return self._trace(came, last)
            for step in _NEIGHBOURS:
                nearby = (cell[0] + step[0], cell[1] + step[1])
                if nearby not in came and self._can_step(cell, step):
                    came[nearby] = cell
                    queue.append(nearby)
        return []

    def _can_step(self, cell: Cell, step: Cell) -> bool:
        x, y = cell[0] + step[0], cell[1] + step[1]
        if not (0 <= x < self._blocked.shape[0] and 0 <= y < self._blocked.shape[1]):
            return False
        return not (self._blocked[x, y] or self._blocked[cell[0], y] or self._blocked[x, cell[1]])

    def _trace(self, came: dict[Cell, Cell], last: Cell) -> list[Point]:
        cells = [last]
        while came[cells[-1]] != cells[-1]:
            cells.append(came[cells[-1]])
        return [self._centre(cell) for cell in reversed(cells)]

    def _cell(self, point: Point) -> Cell:
        x = int((point[0] - self._left) / CELL)
        y = int((point[1] - self._bottom) / CELL)
        return min(max(x, 0), self._blocked.shape[0] - 1), min(max(y, 0), self._blocked.shape[1] - 1)

    def _centre(self, cell: Cell) -> Point:
        return self._left + (cell[0] + 0.5) * CELL, self._bottom + (cell[1] + 0.5) * CELL

    def _add_line(self, line: Line, doom_map: DoomMap) -> None:
        if line.special:
            self.usable.append(((line.x1 + line.x2) / 2, (line.y1 + line.y2) / 2))
        if _is_door(line, doom_map):
            self.doors.append(((line.x1 + line.x2) / 2, (line.y1 + line.y2) / 2))
        elif _is_wall(line, doom_map):
            self._block_along(line)

    def _block_along(self, line: Line) -> None:
        length = float(np.hypot(line.x2 - line.x1, line.y2 - line.y1))
        t = np.linspace(0, 1, int(length / 6) + 2)[:, None, None]
        offsets = BODY * np.array([(np.cos(a), np.sin(a)) for a in np.arange(8) * np.pi / 4])
        offsets = np.concatenate([offsets, 0.5 * offsets, np.zeros((1, 2))])
        start, along = np.array([line.x1, line.y1]), np.array([line.x2 - line.x1, line.y2 - line.y1])
        points = (start + t * along + offsets[None]).reshape(-1, 2)
        cells = ((points - [self._left, self._bottom]) / CELL).astype(int)
        # A cell counts as touched when its centre is within the body's reach of the wall.
        centres = (cells + 0.5) * CELL + [self._left, self._bottom]
        near = np.hypot(*(centres - points).T) < 0.5 * CELL
        self._blocked[cells[near, 0], cells[near, 1]] = True


def _is_door(line: Line, doom_map: DoomMap) -> bool:
    if line.special == 0 or line.back < 0 or line.blocking:
        return False
    sectors = (line.front, line.back)
    return any(doom_map.ceilings[s] - doom_map.floors[s] < BODY_HEIGHT for s in sectors)


def _is_wall(line: Line, doom_map: DoomMap) -> bool:
    if line.back < 0 or line.front < 0 or line.blocking:
        return True
    floors = [doom_map.floors[s] for s in (line.front, line.back)]
    ceilings = [doom_map.ceilings[s] for s in (line.front, line.back)]
    if any(c - f < BODY_HEIGHT for c, f in zip(ceilings, floors, strict=True)):
        # A closed sector may be entered if it is a door's, though its inner sides have no special.
        return not _touches_door(line, doom_map)
    return abs(floors[0] - floors[1]) > MAX_STEP or min(ceilings) - max(floors) < BODY_HEIGHT


def _touches_door(line: Line, doom_map: DoomMap) -> bool:
    closed = [s for s in (line.front, line.back) if doom_map.ceilings[s] - doom_map.floors[s] < BODY_HEIGHT]
    return any(other.special and {other.front, other.back} & set(closed) for other in doom_map.lines)
