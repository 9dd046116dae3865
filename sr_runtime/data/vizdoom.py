"""Play Doom (ViZDoom with the Freedoom game data) and hand out its pictures, true sound and events.

Called by the recorder (in worker processes) and by the demo, which plays live.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from sr_runtime.data.agent import HABITS, Action, Agent, Kind, Observation, Seen
from sr_runtime.data.alignment import TIC_HZ, Hop, Tic, hops_of_tics, tics_for_hops
from sr_runtime.data.doom_events import EventLog
from sr_runtime.data.doom_game import (
    TakeSpec,
    Variables,
    button_values,
    equip,
    game_data,
    scenario_path,
    start_game,
    variables,
)
from sr_runtime.data.navigation import WalkGrid
from sr_runtime.data.splits import check_recordable
from sr_runtime.data.store import Event
from sr_runtime.data.wad import Wad
from sr_runtime.types import HOP_HZ

LEAD_TICS = 20
"""Played but not recorded: the weapon comes up and the console's cheats take effect."""
CUT_UNITS = 90.0
"""A move of more than this within a tic is a warp or teleport; running is at most 17 units a tic."""
HURT = 40.0
"""Health below which the player is healed, so that a take goes on."""
_AMMO_EVERY_S = 8


class Take:
    """A running game with the agent playing it. Use as a context manager, then iterate :meth:`tics`.

    Args:
        spec: what is played.

    Example:
        >>> with Take(TakeSpec("freedoom2", "MAP25", "dense", seed=1)) as take:  # doctest: +SKIP
        ...     tics = list(take.tics(35))
    """

    def __init__(self, spec: TakeSpec) -> None:
        self.spec = spec
        self._log = EventLog()

    @property
    def events(self) -> list[Event]:
        """Return what happened so far, in order of time."""
        return self._log.events

    def __enter__(self) -> Self:
        """Start the game and play its unrecorded lead."""
        self._folder = tempfile.TemporaryDirectory(prefix="sr-doom-")
        scenario = scenario_path(self.spec.wad)
        self._can_warp = scenario is None
        self._grid = WalkGrid(Wad(scenario or game_data(self.spec.wad)).map(self.spec.map))
        self._rng = np.random.default_rng(self.spec.seed)
        self._agent = Agent(HABITS[self.spec.kind], self._grid, self._rng)
        self._game = start_game(self.spec, Path(self._folder.name))
        self._agent.start()
        self._lead()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the game and remove its temporary files."""
        self._game.close()
        self._folder.cleanup()

    def tics(self, count: int) -> Iterator[Tic]:
        """Play ``count`` tics and yield each one's picture and sound; fills :attr:`events`."""
        before, action = variables(self._game.get_state()), Action()
        for tic in range(count):
            is_gift = self._provide(tic, before)
            restarted = self._advance(action)
            state = self._game.get_state()
            now = variables(state)
            is_cut = restarted or _distance(now, before) > CUT_UNITS
            self._log.note(tic, state, before, now, action, is_cut=is_cut, is_gift=is_gift or restarted)
            before, action = now, self._agent.act(_observe(tic, now, state))
            yield Tic(state.screen_buffer, state.audio_buffer, is_cut)

    def _lead(self) -> None:
        equip(self._game, self.spec.seed)
        for tic in range(LEAD_TICS):
            action = Action(weapon=2 if tic == 1 else 0)
            if tic == 3 and self._can_warp and self._grid.spots:
                action.warp = self._grid.spots[int(self._rng.integers(len(self._grid.spots)))]
            self._advance(action)

    def _provide(self, tic: int, now: Variables) -> bool:
        """Give what the player runs out of, so that a take goes on; return whether something was given."""
        is_hurt = now["HEALTH"] < HURT
        is_time = (tic + TIC_HZ) % (_AMMO_EVERY_S * TIC_HZ) == 0
        if is_hurt:
            self._game.send_game_command("give health")
        if is_time:
            self._game.send_game_command("give ammo")
        return is_hurt or is_time

    def _advance(self, action: Action) -> bool:
        """Play one tic; return True if the level had to be started again."""
        if action.warp is not None and self._can_warp:
            self._game.send_game_command(f"warp {action.warp[0]:.0f} {action.warp[1]:.0f}")
        self._game.make_action(button_values(action))
        if not self._game.is_episode_finished():
            return False
        self._game.new_episode()
        equip(self._game, self.spec.seed)
        self._game.make_action(button_values(Action(weapon=2)))
        self._log.restart()
        return True


def play(map_name: str, seed: int, seconds: float, kind: Kind = "dense", wad: str = "") -> Iterator[Hop]:
    """Play a map live and yield its hops, 30 per second of play, as fast as they are taken.

    Args:
        map_name: such as ``MAP25`` or ``E3M8``.
        seed: of the game and of the agent.
        seconds: how long.
        kind: how it is played.
        wad: ``freedoom1``, ``freedoom2`` or a scenario; chosen by the map's name if empty.

    Yields:
        ``(frame uint8 (240, 320, 3), sound int16 (1600, 2) at 48 kHz, is_cut)``.

    Raises:
        HeldOutError: the map is held out.
        MissingDependency: vizdoom is not installed.
    """
    wad = wad or ("freedoom1" if map_name.upper().startswith("E") else "freedoom2")
    check_recordable(wad, map_name)
    hops = round(seconds * HOP_HZ)
    with Take(TakeSpec(wad, map_name.upper(), kind, seed, log_doors=False)) as take:
        yield from hops_of_tics(take.tics(tics_for_hops(hops)))


def _observe(tic: int, now: Variables, state: Any) -> Observation:
    seen = [
        Seen(
            label.object_name,
            label.object_position_x,
            label.object_position_y,
            label.width * label.height,
        )
        for label in state.labels
        if label.object_category != "Self"
    ]
    return Observation(tic, now["POSITION_X"], now["POSITION_Y"], now["ANGLE"], seen)


def _distance(now: Variables, then: Variables) -> float:
    return abs(now["POSITION_X"] - then["POSITION_X"]) + abs(now["POSITION_Y"] - then["POSITION_Y"])
