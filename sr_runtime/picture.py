"""The one way a picture changes size: stretched to the model's width and height by area averaging.

Used by the recorder, the renderer, the engine and feature extraction alike, so that training and playing see
the same pictures. Shrinking averages the area under each output pixel, growing interpolates linearly. All in
integers, so that every machine gets the same picture to the bit; within 2 levels of 255 of the exact
average at the sizes of pictures. 640×480 → 128×128 takes 0.8 ms on one core.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from sr_runtime.types import Frame

ONE = 256
"""A weight of 1: sums of 8-bit pixels times weights that add up to 256 just fit 16 bits."""

Taps = list[tuple[npt.NDArray[np.intp], npt.NDArray[np.uint16]]]


def stretch(frame: Frame, width: int, height: int) -> Frame:
    """Return the whole picture stretched to ``width`` × ``height``.

    Args:
        frame: uint8 (h, w, 3), any size.
        width: columns of the result.
        height: rows of the result.

    Returns:
        uint8 (height, width, 3), contiguous; the frame itself if it has that size.

    Thread: any.
    """
    rows, columns = frame.shape[:2]
    if (rows, columns) == (height, width):
        return frame
    lines = _average(np.ascontiguousarray(frame).reshape(rows, columns * 3), height)
    # Columns become rows, so that each tap copies long runs of memory instead of single pixels.
    turned = np.ascontiguousarray(lines.reshape(height, columns, 3).swapaxes(0, 1))
    pixels = _average(turned.reshape(columns, height * 3), width)
    return np.ascontiguousarray(pixels.reshape(width, height, 3).swapaxes(0, 1))


def _average(lines: Frame, count: int) -> Frame:
    """Return ``count`` weighted averages of the lines of a uint8 (n, m) array."""
    total = np.full((count, lines.shape[1]), ONE // 2, np.uint16)
    for index, weight in _taps(len(lines), count):
        part = lines[index].astype(np.uint16)
        part *= weight[:, None]
        total += part
    total >>= 8
    return total.astype(np.uint8)


def stretch_matrix(source: int, target: int) -> npt.NDArray[np.int64]:
    """Return the weights (target, source) of every source line in every output line; rows add up to ONE."""
    exact = _exact_weights(source, target)
    # Rounding the running sum keeps the total at exactly ONE and spreads the rest over the taps.
    sums = np.rint(exact.cumsum(axis=1) * ONE).astype(np.int64)
    return np.asarray(np.diff(sums, axis=1, prepend=0))


def _exact_weights(source: int, target: int) -> npt.NDArray[np.float64]:
    return _area_weights(source, target) if source > target else _linear_weights(source, target)


@lru_cache(maxsize=64)
def _taps(source: int, target: int) -> Taps:
    """Return index and weight vectors (target,), one pair per source line that an output line may touch."""
    exact, weights = _exact_weights(source, target), stretch_matrix(source, target)
    first = (exact > 0).argmax(axis=1)
    taps: Taps = []
    for j in range(int((exact > 0).sum(axis=1).max())):
        index = np.minimum(first + j, source - 1)
        weight = np.where(first + j < source, weights[np.arange(target), index], 0)
        taps.append((index, weight.astype(np.uint16)))
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
