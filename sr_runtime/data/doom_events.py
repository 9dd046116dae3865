"""Notice what happens in a game of Doom from one tic to the next, and write it down as events.

Ammunition is no safe sign of a shot (the BFG sounds 855 ms before its ammunition drops), so the events say
what happened in the game; exact sound onsets come from the click ground truth.
"""

from __future__ import annotations

from typing import Any

from sr_runtime.data.agent import Action
from sr_runtime.data.alignment import TIC_HZ
from sr_runtime.data.doom_game import Variables
from sr_runtime.data.store import Event

_COUNTERS = {
    "KILLCOUNT": "kill",
    "ITEMCOUNT": "item",
    "SECRETCOUNT": "secret",
    "HITCOUNT": "hit",
    "DAMAGE_TAKEN": "hurt",
}
_STOCKS = ("AMMO2", "AMMO3", "AMMO5", "AMMO6", "ARMOR", "HEALTH")
_STILL_TICS = 3
"""A door that rests this long and moves again is a new event."""


class EventLog:
    """Collects the events of a take."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._known_actors: set[int] = set()
        self._heights: dict[int, tuple[float, float, int]] = {}

    def restart(self) -> None:
        """Forget the level, since it begins anew."""
        self._known_actors.clear()
        self._heights.clear()

    def note(
        self,
        tic: int,
        state: Any,
        before: Variables,
        now: Variables,
        action: Action,
        *,
        is_cut: bool,
        is_gift: bool,
    ) -> None:
        """Write down what this tic changed.

        Args:
            tic: of the take.
            state: the game's state after the tic.
            before: variables before the tic.
            now: variables after the tic.
            action: what the player did in the tic.
            is_cut: whether the picture jumped.
            is_gift: whether a cheat gave the player something, which is no pickup.
        """
        if is_cut:
            self._add(tic, "cut")
        if action.use:
            self._add(tic, "use")
        self._note_variables(tic, before, now)
        if not is_gift:
            self._note_pickups(tic, before, now)
        self._note_doors(tic, state.sectors or ())
        self._note_actors(tic, state.labels)

    def _add(self, tic: int, kind: str, name: str = "", value: float = 0.0) -> None:
        self.events.append(Event(round(tic / TIC_HZ, 6), kind, name, value))

    def _note_variables(self, tic: int, before: Variables, now: Variables) -> None:
        for variable, kind in _COUNTERS.items():
            if now[variable] > before[variable]:
                self._add(tic, kind, value=now[variable] - before[variable])
        if now["SELECTED_WEAPON"] != before["SELECTED_WEAPON"]:
            self._add(tic, "weapon", value=now["SELECTED_WEAPON"])
        elif now["SELECTED_WEAPON_AMMO"] < before["SELECTED_WEAPON_AMMO"]:
            self._add(tic, "shot", value=now["SELECTED_WEAPON"])

    def _note_pickups(self, tic: int, before: Variables, now: Variables) -> None:
        for variable in _STOCKS:
            if now[variable] > before[variable]:
                self._add(tic, "pickup", variable.lower(), now[variable] - before[variable])

    def _note_doors(self, tic: int, sectors: Any) -> None:
        """Write down when a ceiling (door) or a floor (lift) begins to move."""
        for number, sector in enumerate(sectors):
            floor, ceiling = sector.floor_height, sector.ceiling_height
            old = self._heights.get(number)
            if old is None:
                self._heights[number] = (floor, ceiling, -100)
            elif (floor, ceiling) != old[:2]:
                if tic - old[2] > _STILL_TICS:
                    self._add(tic, "door" if ceiling != old[1] else "lift", value=float(number))
                self._heights[number] = (floor, ceiling, tic)

    def _note_actors(self, tic: int, labels: Any) -> None:
        """Write down when an actor is seen for the first time."""
        for label in labels:
            if label.object_id not in self._known_actors and label.object_category != "Self":
                self._known_actors.add(label.object_id)
                self._add(tic, "actor", label.object_name)
