"""An agent that plays Doom, so that recordings hold what a game sounds like: fights, doors, pickups, walks.

One decision per game tic (35 a second), from what is seen and where the player stands. Deterministic for a
seed: all chance comes from the generator given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from sr_runtime.data.navigation import Point, WalkGrid

Kind = Literal["dense", "scenario", "sparse", "quiet"]
KINDS: tuple[Kind, ...] = ("dense", "scenario", "sparse", "quiet")
TICS_PER_S = 35
USE_REACH = 90.0
"""The game's USE reaches 64 units from the player's centre; lines are known here by their middle."""


class Seen(NamedTuple):
    """An actor on the screen: class name, map position in units, size in pixels."""

    name: str
    x: float
    y: float
    pixels: int


class Observation(NamedTuple):
    """What the agent knows at a tic: time, position (units), heading (degrees), what is on the screen."""

    tic: int
    x: float
    y: float
    angle: float
    seen: list[Seen]


@dataclass
class Action:
    """What the agent does for one tic. ``turn`` is in degrees to the right; ``weapon`` 0 keeps the weapon."""

    forward: bool = False
    backward: bool = False
    strafe: int = 0
    turn: float = 0.0
    attack: bool = False
    use: bool = False
    weapon: int = 0
    warp: Point | None = None


@dataclass(frozen=True)
class Habits:
    """How an agent plays.

    Attributes:
        fights: shoots at monsters and barrels on sight.
        shot_every_s: mean gap between shots at nothing in particular; 0 never.
        burst_s: how long the trigger is held for such a shot.
        warp_every_s: mean seconds between jumps to another place of the map; 0 never.
        weapons: slots that are chosen from.
        weapon_every_s: mean seconds between weapon changes.
        use_every_s: mean seconds between presses of USE while walking; 0 only at obstacles.
        pause_share: share of the time spent standing still.
    """

    fights: bool
    shot_every_s: float
    burst_s: float
    warp_every_s: float
    weapons: tuple[int, ...]
    weapon_every_s: float
    use_every_s: float
    pause_share: float


HABITS: dict[Kind, Habits] = {
    "dense": Habits(True, 5.0, 0.5, 12.0, (1, 2, 2, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7), 6.0, 3.0, 0.03),
    "scenario": Habits(True, 6.0, 0.4, 20.0, (2, 2, 3, 3, 4, 4, 5, 6), 7.0, 0.0, 0.05),
    # About one onset a second: single shots, doors and switches.
    "sparse": Habits(False, 1.0, 0.06, 14.0, (2, 2, 2, 3, 3), 12.0, 2.0, 0.10),
    "quiet": Habits(False, 0.0, 0.0, 14.0, (2, 3), 0.0, 10.0, 0.15),
}

_MONSTER_NAMES = (
    "Zombieman ShotgunGuy ChaingunGuy DoomImp Demon Spectre LostSoul Cacodemon HellKnight BaronOfHell "
    "Arachnotron PainElemental Revenant Fatso Archvile SpiderMastermind Cyberdemon WolfensteinSS "
    "ExplosiveBarrel MarineChainsawVzd MarineBerserk MarineShotgun MarineChaingun MarinePistol"
)
MONSTERS = frozenset(_MONSTER_NAMES.split())
"""Class names that are shot at while they live (the game puts ``Dead`` before a corpse's name)."""


def _heading_error(angle: float, dx: float, dy: float) -> float:
    """Return degrees to turn right, −180..180, to look along (dx, dy) from heading ``angle``."""
    return (angle - math.degrees(math.atan2(dy, dx)) + 180.0) % 360.0 - 180.0


@dataclass
class Agent:
    """Plays one take.

    Args:
        habits: how it plays.
        grid: where one can walk, or None for arenas that need no path.
        rng: the only source of chance.
    """

    habits: Habits
    grid: WalkGrid | None
    rng: np.random.Generator
    _path: list[Point] = field(default_factory=list)
    _trigger_until: int = 0
    _next_shot: int = 0
    _next_warp: int = 0
    _next_weapon: int = 0
    _next_use: int = 0
    _weapon: int = 2
    _weapon_until: int = 0
    _pause_until: int = 0
    _strafe_until: int = 0
    _strafe: int = 0
    _wander_turn: float = 0.0
    _stuck: int = 0
    _escape_until: int = 0
    _escape_turn: float = 0.0
    _last: Point = (0.0, 0.0)
    _fight_until: int = 0

    def start(self) -> None:
        """Draw the first time of each habit; call once before the first tic."""
        h = self.habits
        self._next_shot = self._after(0, h.shot_every_s)
        self._next_warp = self._after(0, h.warp_every_s, spread=0.2)
        self._next_weapon = self._after(0, min(h.weapon_every_s, 1.0))
        self._next_use = self._after(0, h.use_every_s)

    def act(self, seen: Observation) -> Action:
        """Return what to do in this tic."""
        action = Action()
        if self._is_due(seen.tic, self._next_warp):
            self._warp(seen.tic, action)
            return action
        self._choose_weapon(seen.tic, action)
        target = self._target(seen) if self.habits.fights else None
        if target is not None:
            self._fight(seen, target, action)
        else:
            self._walk(seen, action)
        self._shoot_at_random(seen.tic, action)
        self._use_at_random(seen, action)
        self._last = (seen.x, seen.y)
        return action

    def _after(self, tic: int, mean_s: float, spread: float = 1.0) -> int:
        """Return a tic ``mean_s`` from now on average; ``spread`` 1 is exponential, 0 exact. 0 s is never."""
        if mean_s <= 0:
            return 1 << 60
        share = 1.0 - spread + spread * float(self.rng.exponential())
        return tic + max(2, round(mean_s * TICS_PER_S * share))

    @staticmethod
    def _is_due(tic: int, when: int) -> bool:
        return tic >= when

    def _warp(self, tic: int, action: Action) -> None:
        self._next_warp = self._after(tic, self.habits.warp_every_s, spread=0.2)
        self._path, self._stuck = [], 0
        if self.grid is not None and self.grid.spots:
            spots = self.grid.spots
            action.warp = spots[int(self.rng.integers(len(spots)))]

    def _choose_weapon(self, tic: int, action: Action) -> None:
        if self._is_due(tic, self._next_weapon):
            self._weapon = int(self.rng.choice(self.habits.weapons))
            self._weapon_until = tic + 4
            self._next_weapon = self._after(tic, self.habits.weapon_every_s, spread=0.6)
        if tic < self._weapon_until:
            action.weapon = self._weapon

    def _target(self, seen: Observation) -> Seen | None:
        targets = [s for s in seen.seen if s.name in MONSTERS and s.pixels >= 60]
        return max(targets, key=lambda s: s.pixels, default=None)

    def _fight(self, seen: Observation, target: Seen, action: Action) -> None:
        error = _heading_error(seen.angle, target.x - seen.x, target.y - seen.y)
        distance = math.hypot(target.x - seen.x, target.y - seen.y)
        action.turn = max(-14.0, min(14.0, error * 0.6))
        action.attack = abs(error) < 6.0 and (distance > 220.0 or not self._is_dangerous(target))
        if seen.tic >= self._strafe_until:
            self._strafe = int(self.rng.integers(-1, 2))
            self._strafe_until = seen.tic + int(self.rng.integers(8, 40))
        action.strafe = self._strafe
        action.forward = distance > 300.0
        action.backward = distance < 110.0
        self._path = []

    def _is_dangerous(self, target: Seen) -> bool:
        """Return whether a shot at this near target would hit the player too (rockets, BFG, barrels)."""
        return self._weapon in (5, 7) or target.name == "ExplosiveBarrel"

    def _walk(self, seen: Observation, action: Action) -> None:
        if seen.tic < self._pause_until:
            action.turn = self._wander_turn
            return
        if self.rng.random() < self.habits.pause_share / 45.0:
            self._pause_until = seen.tic + int(self.rng.integers(20, 70))
            self._wander_turn = float(self.rng.uniform(-2.5, 2.5))
        if seen.tic < self._escape_until:
            action.forward, action.turn = True, self._escape_turn
            return
        if self.grid is None or not self._follow(seen, action):
            self._wander(seen, action)
        self._notice_stuck(seen, action)

    def _follow(self, seen: Observation, action: Action) -> bool:
        """Steer along the path, choosing a new goal when there is none; return False if no way was found."""
        assert self.grid is not None
        here = (seen.x, seen.y)
        if not self._path and seen.tic % 5 == 0:
            self._path = self._new_path(here)
        while self._path and math.dist(here, self._path[0]) < 40.0:
            self._path.pop(0)
        if not self._path:
            return False
        x, y = self._path[0]
        error = _heading_error(seen.angle, x - seen.x, y - seen.y)
        action.turn = max(-10.0, min(10.0, error * 0.35))
        action.forward = abs(error) < 70.0
        return True

    def _new_path(self, here: Point) -> list[Point]:
        assert self.grid is not None
        spots = [s for s in self.grid.spots if 150.0 < math.dist(s, here) < 1400.0]
        doors = [d for d in self.grid.doors if 60.0 < math.dist(d, here) < 1000.0]
        for _ in range(3):
            goals = doors if doors and self.rng.random() < 0.35 else spots
            if goals:
                path = self.grid.path(here, goals[int(self.rng.integers(len(goals)))])
                if path:
                    return path
        return []

    def _wander(self, seen: Observation, action: Action) -> None:
        if seen.tic % 12 == 0:
            self._wander_turn = float(self.rng.normal(0, 3.0))
        action.forward, action.turn = True, self._wander_turn

    def _notice_stuck(self, seen: Observation, action: Action) -> None:
        moved = math.dist((seen.x, seen.y), self._last)
        self._stuck = self._stuck + 1 if action.forward and moved < 1.5 else max(0, self._stuck - 2)
        if self._stuck in (5, 20):
            action.use = self._can_use(seen)
        elif self._stuck > 26:
            self._stuck, self._path = 8, []
            self._escape_until = seen.tic + int(self.rng.integers(10, 25))
            self._escape_turn = float(self.rng.choice([-9.0, 9.0]) + self.rng.normal(0, 2.0))
            if self.grid is not None and self.habits.warp_every_s > 0 and self.rng.random() < 0.5:
                self._next_warp = seen.tic + int(self.rng.integers(10, 40))

    def _shoot_at_random(self, tic: int, action: Action) -> None:
        if self._is_due(tic, self._next_shot):
            hold = max(2, round(self.habits.burst_s * TICS_PER_S * float(self.rng.uniform(0.6, 1.6))))
            self._trigger_until = tic + hold
            self._next_shot = self._after(tic + hold, self.habits.shot_every_s)
        action.attack = (action.attack or tic < self._trigger_until) and tic >= self._weapon_until

    def _use_at_random(self, seen: Observation, action: Action) -> None:
        if self._is_due(seen.tic, self._next_use) and self._can_use(seen):
            action.use = True
            self._next_use = self._after(seen.tic, self.habits.use_every_s)

    def _can_use(self, seen: Observation) -> bool:
        """Return whether a door or switch is before the player: USE at a wall grunts unseen."""
        if self.grid is None:
            return False
        for x, y in self.grid.usable:
            near = math.dist((x, y), (seen.x, seen.y)) < USE_REACH
            if near and abs(_heading_error(seen.angle, x - seen.x, y - seen.y)) < 50.0:
                return True
        return False
