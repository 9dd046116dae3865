"""One session as the stages of a hop see it: its memory, and its place among those computed together.

A pass runs over all places up to the last one that has a hop due: those that rest in between are computed for
nothing, because the rows of a ring that a graph reads are one piece of memory. Who rests for long changes
places with the last one.

Made by what computes hops, handed from stage to stage. Thread: inference.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.rings import is_ring
from sr_runtime.types import State

LONG_REST: Final = 300
"""Passes without a hop due, five seconds of a server's, after which it pays to copy two sessions' rings (3 MB
each with the shipped bundle). More than there are between two turns of sessions computed one by one."""


@dataclass(slots=True, eq=False)
class Member:
    """A session's memory.

    Attributes:
        state: Name → array, changed in place; the session has the same mapping.
        index: Its place: members are numbered without gaps.
        repeat_token: The token of the last frame seen again, float32 (1, width), once it is known.
        rests: Passes since it had a hop due.
    """

    state: State
    index: int = 0
    repeat_token: npt.NDArray[np.float32] | None = None
    rests: int = 0
    _marked: State = field(default_factory=dict)
    _marked_token: npt.NDArray[np.float32] | None = None

    @property
    def hop(self) -> int:
        """Return the index of the next hop."""
        return int(self.state["hop"][0])

    @property
    def position(self) -> int:
        """Return how many tokens the session has had."""
        return int(self.state["position"][0])

    @property
    def has_frame(self) -> bool:
        """Tell whether a frame was ever seen."""
        return bool(self.state["has_frame"][0])

    def mark(self, names: Collection[str] | None = None) -> None:
        """Note where the session is, to :meth:`go_back` there if the next token's pass fails.

        Rings are left out: the slot that the token would go to is out of sight until the token is there.

        Args:
            names: What to note; by default everything but the rings.
        """
        wanted = names or [name for name in self.state if not is_ring(name)]
        self._marked = {name: self.state[name].copy() for name in wanted}
        self._marked_token = self.repeat_token

    def unmark(self) -> None:
        """Forget the mark: the memory was replaced, and there is no way back."""
        self._marked = {}

    def go_back(self) -> bool:
        """Go back to the mark; returns whether there is one."""
        if not self._marked:
            return False
        for name, array in self._marked.items():
            np.copyto(self.state[name], array)
        self.repeat_token = self._marked_token
        return True


def places(members: Sequence[Member]) -> int:
    """Return how many places a pass over some sessions runs over."""
    return 1 + max(member.index for member in members)


def who_changes_places(members: Sequence[Member], due: Sequence[Member]) -> tuple[Member, Member] | None:
    """Return who rests for long and the last that has a hop due behind it; called once a pass.

    Args:
        members: All sessions, by place.
        due: Those that have a hop due.
    """
    for member in members:
        member.rests += 1
    for member in due:
        member.rests = 0
    last = members[places(due) - 1]
    return next(((member, last) for member in members[: last.index] if member.rests > LONG_REST), None)
