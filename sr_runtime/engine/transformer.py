"""The transformer stage: one token in, one hidden vector out, the past in a ring that never ends.

The graph reads the key/value cache and returns only the new token's keys and values; this stage owns the
rings of all sessions and writes them to their slots. Each session has two rows: the conditional one sees the
video, the null one has the null token in place of every video token (for guidance).

    position p attends to   p−W+1 … p−1   (ring)   and itself
    ring slot of p        = p mod W       so slot p mod W still holds p−W: masked while p runs

    rows of the rings       … c2 c1 c0 │ n0 n1 n2 …        c conditional, n null; 0 is the first session
                               └───────┴───────┘           three sessions with guidance: one run of rows
                               └───────┘                   the same without

Called by the hop. Thread: inference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.engine.bundle import TensorSpec, TransformerSpec
from sr_runtime.engine.member import Member, places
from sr_runtime.engine.rings import DeviceRings, HostRings, Rings, pair
from sr_runtime.engine.rotation import Rotation

HIDDEN_FROM_ATTENTION = np.float32(-1e30)
"""Added to the scores of masked slots; finite, so that a fully masked ring makes no NaN."""

Hidden = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class NextToken:
    """What one session appends.

    Attributes:
        member: The session.
        conditional: Token of its conditional row, float32 (1, width).
        null: Token of its null row; None if it goes without guidance, and the null row forgets all it had.
    """

    member: Member
    conditional: Hidden
    null: Hidden | None


class TransformerStage:
    """Runs ``transformer(tokens, k_*, v_*, cos, sin, mask) → hidden, k_new_*, v_new_*`` for several sessions.

    Uses ``k_*``, ``v_*``, ``position`` and ``null_start`` of their states; on the CPU in place, the rings
    being views of this stage's memory.

    Args:
        graph: The transformer graph.
        spec: Its sizes.
        capacity: Most sessions.
    """

    def __init__(self, graph: OnnxGraph, spec: TransformerSpec, capacity: int = 1) -> None:
        self._window, self._middle = spec.window, capacity
        self._rotation = Rotation(spec.head_size, spec.rope_theta)
        inputs, outputs = (graph.rows(specs, 2 * capacity) for specs in _small(graph))
        rings, new = (graph.resident_rows(specs, 2 * capacity) for specs in _large(graph))
        self._rings: Rings = _rings(graph, rings, new)
        self._tokens, self._cos, self._sin = inputs["tokens"], inputs["cos"], inputs["sin"]
        self._mask = inputs["mask"].reshape(2 * capacity, -1)
        self._hidden: Hidden = outputs["hidden"]
        self._run = graph.bind({**inputs, **rings}, {**outputs, **new})

    def join(self, member: Member, count: int) -> None:
        """Give a session the place ``count`` and take over its rings; its state's are views from now on."""
        member.index = count
        self.load(member)

    def save(self, member: Member) -> None:
        """Bring the state's rings up to date."""
        self._rings.save(member.state, self._rows(member.index))

    def load(self, member: Member) -> None:
        """Take over the state, because it was replaced: its rings, and the masks that follow from it."""
        self._rings.adopt(member.state, self._rows(member.index))
        self.show(member)

    def show(self, member: Member) -> None:
        """Let a session's rows see what its state says, because it has gone back."""
        last = member.position
        self._show(self._conditional(member.index), last, 0)
        self._show(self._null(member.index), last, int(member.state["null_start"][0]))

    def _show(self, row: int, last: int, first: int) -> None:
        """Let a row see the positions from ``first`` to before ``last``, as far as the window reaches."""
        self._mask[row] = HIDDEN_FROM_ATTENTION
        self._mask[row, np.arange(max(first, last - self._window), last) % self._window] = 0.0

    def append(self, tokens: Sequence[NextToken]) -> list[Hidden]:
        """Append one token to the rows of some sessions.

        Args:
            tokens: One for each session that is to go on; those between them stay as they are.

        Returns:
            Of each token float32 (2, 1, width): the hidden vectors; the second is meaningless without
            guidance.
        """
        for token in tokens:
            self._place(token)
        count = places([token.member for token in tokens])
        is_guided = any(token.null is not None for token in tokens)
        self._run(self._middle - count, self._middle + (count if is_guided else 0))
        self._write(tokens)
        return [self._finish(token) for token in tokens]

    def _place(self, token: NextToken) -> None:
        member = token.member
        slot = member.position % self._window
        rows = (self._conditional(member.index), self._null(member.index))
        for row, vector in zip(rows, (token.conditional, token.null), strict=True):
            if vector is not None:
                self._tokens[row] = vector
                self._rotation.write(member.position, self._cos[row], self._sin[row])
                self._mask[row, slot] = HIDDEN_FROM_ATTENTION

    def _write(self, tokens: Sequence[NextToken]) -> None:
        """Write the new keys and values to their slots."""
        places = [
            (row, token.member.position % self._window)
            for token in tokens
            for row in self._rows(token.member.index)[: 1 if token.null is None else 2]
        ]
        self._rings.write([row for row, _ in places], [slot for _, slot in places])

    def _finish(self, token: NextToken) -> Hidden:
        """Let the next tokens see this one, and return both hidden vectors."""
        member, state = token.member, token.member.state
        slot, (first, second) = member.position % self._window, self._rows(member.index)
        self._mask[first, slot] = 0.0
        state["position"][0] += 1
        if token.null is None:
            state["null_start"][0] = member.position
            self._mask[second] = HIDDEN_FROM_ATTENTION
        else:
            self._mask[second, slot] = 0.0
        hidden: Hidden = pair(self._hidden, (first, second))
        return hidden

    def leave(self, member: Member, last: Member) -> None:
        """Take a session's place away; the last one moves into it."""
        self._rings.release(member.state, self._rows(member.index))
        if last is not member:
            self.save(last)
            self.join(last, member.index)

    def swap(self, one: Member, other: Member) -> None:
        """Let two sessions change places."""
        for member in (one, other):
            self._rings.release(member.state, self._rows(member.index))
        one.index, other.index = other.index, one.index
        for member in (one, other):
            self.load(member)

    def _conditional(self, index: int) -> int:
        return self._middle - 1 - index

    def _null(self, index: int) -> int:
        return self._middle + index

    def _rows(self, index: int) -> tuple[int, int]:
        return self._conditional(index), self._null(index)


def _is_large(spec: TensorSpec) -> bool:
    """Tell whether a tensor is keys or values, which the host has no need to see."""
    return spec.name.startswith(("k_", "v_"))


def _small(graph: OnnxGraph) -> list[tuple[TensorSpec, ...]]:
    sides = (graph.spec.inputs, graph.spec.outputs)
    return [tuple(spec for spec in side if not _is_large(spec)) for side in sides]


def _large(graph: OnnxGraph) -> list[tuple[TensorSpec, ...]]:
    sides = (graph.spec.inputs, graph.spec.outputs)
    return [tuple(spec for spec in side if _is_large(spec)) for side in sides]


def _rings(graph: OnnxGraph, rings: Mapping[str, Any], new: Mapping[str, Any]) -> Rings:
    newest = {name: new[f"{name[0]}_new{name[1:]}"] for name in rings}
    return DeviceRings(graph.memory, rings, newest) if graph.memory else HostRings(rings, newest)
