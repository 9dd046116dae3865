"""The one way a picture changes size: stretched to the model's width and height by area averaging.

Used by the recorder, the renderer, the engine and feature extraction alike, so that training and playing see
the same pictures. Shrinking averages the area under each output pixel, growing interpolates linearly.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sr_runtime.types import Frame

Taps = list[tuple[npt.NDArray[np.intp], npt.NDArray[np.float32]]]


def stretch(frame: Frame, width: int, height: int) -> Frame:
    """Return the whole picture stretched to ``width`` × ``height``.

    Args:
        frame: uint8 (h, w, 3), any size.
        width: columns of the result.
        height: rows of the result.

    Returns:
        uint8 (height, width, 3).

    Thread: any.
    """
    if frame.shape[:2] == (height, width):
        return frame
    rows = _accumulate(frame, _taps(frame.shape[0], height), axis=0)
    pixels = _accumulate(rows, _taps(frame.shape[1], width), axis=1)
    pixels += 0.5
    return pixels.astype(np.uint8)


def _accumulate(image: npt.NDArray[np.generic], taps: Taps, axis: int) -> npt.NDArray[np.float32]:
    total: npt.NDArray[np.float32] | None = None
    for index, weight in taps:
        part = image.take(index, axis=axis).astype(np.float32)
        part *= weight[:, None, None] if axis == 0 else weight[:, None]
        total = part if total is None else np.add(total, part, out=total)
    assert total is not None
    return total


@lru_cache(maxsize=64)
def _taps(source: int, target: int) -> Taps:
    """Return index and weight vectors (target,), one pair per source pixel that an output pixel may touch."""
    matrix = _area_weights(source, target) if source > target else _linear_weights(source, target)
    first = (matrix > 0).argmax(axis=1)
    count = int((matrix > 0).sum(axis=1).max())
    taps: Taps = []
    for j in range(count):
        index = np.minimum(first + j, source - 1)
        weight = np.where(first + j < source, matrix[np.arange(target), index], 0.0)
        taps.append((index, weight.astype(np.float32)))
    return taps


def _area_weights(source: int, target: int) -> npt.NDArray[np.float64]:
    edges = np.arange(target + 1) * (source / target)
    left, right = edges[:-1, None], edges[1:, None]
    pixel = np.arange(source)[None, :]
    overlap = np.minimum(right, pixel + 1) - np.maximum(left, pixel)
    overlap[overlap < 1e-9] = 0.0
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True))


def _linear_weights(source: int, target: int) -> npt.NDArray[np.float64]:
    centre = np.clip((np.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    low = np.floor(centre).astype(int)
    matrix = np.zeros((target, source))
    matrix[np.arange(target), low] += 1 - (centre - low)
    matrix[np.arange(target), np.minimum(low + 1, source - 1)] += centre - low
    return matrix
