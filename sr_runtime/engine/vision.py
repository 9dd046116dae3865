"""The vision stage: a picture becomes one token, by what it shows and by what changed.

A repeated frame is the same picture again, whose difference is zero; its token is computed once and kept
until the next new frame. Called by the session. Thread: inference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.engine.bundle import ImageSpec
from sr_runtime.errors import SessionError
from sr_runtime.picture import stretch
from sr_runtime.types import Frame, State


class VisionStage:
    """Runs ``vision(image, prev_grid) → grid, token`` on arrays of the session's state.

    Args:
        graph: The vision graph.
        image: What the graph wants.
        state: Uses ``image``, ``prev_grid`` and ``has_frame``, in place.
    """

    def __init__(self, graph: OnnxGraph, image: ImageSpec, state: State) -> None:
        self._spec = image
        self._image, self._previous, self._has_frame = state["image"], state["prev_grid"], state["has_frame"]
        outputs = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in graph.spec.outputs}
        self._grid, self._token = outputs["grid"], outputs["token"]
        self._run = graph.bind({"image": self._image, "prev_grid": self._previous}, outputs)
        self._repeat_token: npt.NDArray[np.float32] | None = None

    @property
    def has_frame(self) -> bool:
        """Tell whether a frame was ever seen."""
        return bool(self._has_frame[0])

    def forget(self) -> None:
        """Drop what is derived from the state, because the state was replaced."""
        self._repeat_token = None

    def see(self, frame: Frame, is_cut: bool = False) -> npt.NDArray[np.float32]:
        """Return the token of a new frame: float32 (1, 1, width), valid until the next call.

        After a cut the difference is zero: what was there before says nothing about what moves now.

        Raises:
            SessionError: The frame is not uint8 (height, width, 3).
        """
        check_frame(frame)
        self._image[0] = stretch(frame, self._spec.width, self._spec.height)
        if is_cut or (not self.has_frame and self._spec.first_difference == "zero"):
            self._run()
            np.copyto(self._previous, self._grid)
        self._run()
        np.copyto(self._previous, self._grid)
        self._has_frame[0] = True
        self._repeat_token = None
        return self._token

    def see_again(self) -> npt.NDArray[np.float32]:
        """Return the token of the last frame repeated: its difference is zero."""
        if self._repeat_token is None:
            self._run()
            self._repeat_token = self._token.copy()
        return self._repeat_token


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
