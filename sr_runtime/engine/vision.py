"""The vision stage: a picture becomes one token, by what it shows and by what changed.

A repeated frame is the same picture again, whose difference is zero; its token is computed once and kept
until the next new frame. Called by the hop. Thread: inference.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.engine.bundle import ImageSpec
from sr_runtime.engine.member import Member
from sr_runtime.errors import SessionError
from sr_runtime.picture import stretch
from sr_runtime.types import Frame

Token = npt.NDArray[np.float32]


class VisionStage:
    """Runs ``vision(image, prev_grid) → grid, token`` for several sessions at once.

    Uses ``image``, ``prev_grid`` and ``has_frame`` of their states, in place.

    Args:
        graph: The vision graph.
        image: What the graph wants.
        capacity: Most sessions.
    """

    def __init__(self, graph: OnnxGraph, image: ImageSpec, capacity: int = 1) -> None:
        self._spec = image
        inputs, outputs = (graph.rows(specs, capacity) for specs in (graph.spec.inputs, graph.spec.outputs))
        self._images, self._previous = inputs["image"], inputs["prev_grid"]
        self._grids, self._tokens = outputs["grid"], outputs["token"]
        self._run = graph.bind(inputs, outputs)

    def see(
        self, members: Sequence[Member], frames: Sequence[Frame | None], cuts: Sequence[bool]
    ) -> list[Token]:
        """Return each session's token, float32 (1, width).

        Args:
            members: The sessions.
            frames: The newest picture of each, uint8 (height, width, 3); None is the last one again.
            cuts: Whether a picture is the first after a cut: what was there before says nothing about what
                moves now, so the difference is zero.
        """
        shown = [
            (member, frame, is_cut)
            for member, frame, is_cut in zip(members, frames, cuts, strict=True)
            if frame is not None
        ]
        for member, frame, is_cut in shown:
            self._take(member, frame, is_cut)
        fresh = [member.index for member, _, _ in shown]
        tokens = dict(zip(fresh, self._look([member for member, _, _ in shown]), strict=True))
        again = [m for m, f in zip(members, frames, strict=True) if f is None and m.repeat_token is None]
        for member, token in zip(again, self._look(again), strict=True):
            member.repeat_token = token
        return [_known(tokens.get(member.index), member.repeat_token) for member in members]

    def _take(self, member: Member, frame: Frame, is_cut: bool) -> None:
        """Put a new picture into a session's memory."""
        member.state["image"][0] = stretch(frame, self._spec.width, self._spec.height)
        member.repeat_token = None
        if is_cut or (not member.has_frame and self._spec.first_difference == "zero"):
            self._look([member])
        member.state["has_frame"][0] = True

    def _look(self, members: Sequence[Member]) -> list[Token]:
        """Return the tokens of the pictures in memory; each picture is the one before of the next."""
        for row, member in enumerate(members):
            self._images[row] = member.state["image"][0]
            self._previous[row] = member.state["prev_grid"][0]
        if members:
            self._run(0, len(members))
        for row, member in enumerate(members):
            member.state["prev_grid"][0] = self._grids[row]
        return [self._tokens[row].copy() for row in range(len(members))]


def _known(new: Token | None, repeated: Token | None) -> Token:
    token = repeated if new is None else new
    assert token is not None
    return token


def check_frame(frame: Frame) -> None:
    """Refuse what is not a picture.

    Raises:
        SessionError: The frame is not a non-empty uint8 array (height, width, 3).
    """
    if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] != 3 or frame.size == 0:
        raise SessionError(
            f"frame: expected uint8 (height, width, 3), got {frame.dtype} {frame.shape}; convert the picture "
            "to RGB of 8 bits, top row first"
        )
