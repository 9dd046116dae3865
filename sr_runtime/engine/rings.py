"""The rings of keys and values: where the transformer's past lies, on the host or on a GPU.

    row r of every ring     slot 0 │ 1 │ 2 │ … │ W−1      a new token overwrites the oldest

On the host the rings of a session are what its state's arrays are views of, so that a state is never copied;
on a GPU the state's arrays lag behind until somebody saves. Called by the transformer stage.
Thread: inference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from sr_runtime.engine.backends.onnx_gpu import GpuMemory
from sr_runtime.types import State

Pair = tuple[int, int]
"""A session's rows: the conditional one and the null one."""


def is_ring(name: str) -> bool:
    """Tell whether an entry of a state is a ring."""
    return name.startswith(("k_", "v_")) and name[2:].isdigit()


class Rings(Protocol):
    """Rings of all sessions, one row each of conditional and null."""

    def adopt(self, state: State, rows: Pair) -> None:
        """Take over what a state holds; its arrays may be replaced by views."""

    def release(self, state: State, rows: Pair) -> None:
        """Give a state arrays of its own."""

    def save(self, state: State, rows: Pair) -> None:
        """Bring a state's arrays up to date."""

    def write(self, rows: Sequence[int], slots: Sequence[int]) -> None:
        """Write the newest token's keys and values of some rows to a slot each."""


class HostRings:
    """Rings in numpy arrays, of which the states' arrays are views.

    Args:
        rings: Name → array (rows, heads, slots, head size).
        new: Name → array (rows, heads, 1, head size): where the graph leaves the newest token's.
    """

    def __init__(self, rings: Mapping[str, np.ndarray], new: Mapping[str, np.ndarray]) -> None:
        self._rings = rings
        self._writes = [(ring, new[name]) for name, ring in rings.items()]

    def adopt(self, state: State, rows: Pair) -> None:
        """See :class:`Rings`."""
        for name, ring in self._rings.items():
            view = pair(ring, rows)
            np.copyto(view, state[name])
            state[name] = view

    def release(self, state: State, rows: Pair) -> None:
        """See :class:`Rings`."""
        for name, ring in self._rings.items():
            state[name] = pair(ring, rows).copy()

    def save(self, state: State, rows: Pair) -> None:
        """See :class:`Rings`: the arrays are the memory."""

    def write(self, rows: Sequence[int], slots: Sequence[int]) -> None:
        """See :class:`Rings`."""
        for row, slot in zip(rows, slots, strict=True):
            for ring, new in self._writes:
                ring[row, :, slot] = new[row, :, 0]


class DeviceRings:
    """Rings on a GPU; see :class:`HostRings` for the arguments, which are tensors here.

    Args:
        memory: Where they lie.
    """

    def __init__(self, memory: GpuMemory, rings: Mapping[str, Any], new: Mapping[str, Any]) -> None:
        self._memory, self._rings = memory, rings
        self._writes = [(ring, new[name]) for name, ring in rings.items()]

    def adopt(self, state: State, rows: Pair) -> None:
        """See :class:`Rings`."""
        with self._memory.in_stream():
            for name, ring in self._rings.items():
                pair(ring, rows).copy_(self._memory.tensor(state[name]))

    def release(self, state: State, rows: Pair) -> None:
        """See :class:`Rings`: they always have."""
        self.save(state, rows)

    def save(self, state: State, rows: Pair) -> None:
        """See :class:`Rings`."""
        with self._memory.in_stream():
            for name, ring in self._rings.items():
                self._memory.tensor(state[name]).copy_(pair(ring, rows))
        self._memory.wait()

    def write(self, rows: Sequence[int], slots: Sequence[int]) -> None:
        """See :class:`Rings`; as many launches for one session as for a hundred."""
        with self._memory.in_stream():
            at, where = self._memory.indices(list(rows)), self._memory.indices(list(slots))
            for ring, new in self._writes:
                ring[at, :, where] = new[at, :, 0]


def pair(rows: Any, at: Pair) -> Any:
    """Return a view of a session's two rows."""
    first, second = at
    return rows[first : second + 1 : second - first]
