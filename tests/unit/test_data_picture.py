"""The one resize: exact enough, the same everywhere."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_runtime.picture import stretch

SIZES = st.integers(1, 40)


def exact_average(frame: np.ndarray, width: int, height: int) -> np.ndarray:
    """Return the area average by upsampling to a common multiple: slow and obviously right."""
    rows, columns = frame.shape[:2]
    big = frame.repeat(height, axis=0).repeat(width, axis=1).astype(np.float64)
    return big.reshape(height, rows, width, columns, 3).mean(axis=(1, 3))


@settings(deadline=None, max_examples=20)
@given(rows=SIZES, columns=SIZES, width=SIZES, height=SIZES, seed=st.integers(0, 99))
def test_shrinking_averages_the_area_under_each_pixel(rows, columns, width, height, seed):
    width, height = min(width, columns), min(height, rows)
    frame = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3), dtype=np.uint8)
    error = np.abs(stretch(frame, width, height) - exact_average(frame, width, height)).max()
    assert error <= 4.0  # measured: 1.6 at sizes of pictures, 3.2 at 34 pixels into 1


@settings(deadline=None, max_examples=20)
@given(rows=SIZES, columns=SIZES, width=SIZES, height=SIZES, level=st.integers(0, 255))
def test_an_even_picture_stays_even_at_any_size(rows, columns, width, height, level):
    frame = np.full((rows, columns, 3), level, np.uint8)
    result = stretch(frame, width, height)
    assert result.shape == (height, width, 3)
    assert (result == level).all()


def test_growing_interpolates_between_pixels():
    frame = np.zeros((1, 2, 3), np.uint8)
    frame[0, 1] = 200
    assert stretch(frame, 4, 1)[0, :, 0].tolist() == [0, 50, 150, 200]


def test_the_same_size_is_passed_through():
    frame = np.zeros((5, 7, 3), np.uint8)
    assert stretch(frame, 7, 5) is frame


def test_top_row_stays_first_and_left_column_stays_left():
    frame = np.zeros((40, 60, 3), np.uint8)
    frame[:20, :30] = (10, 20, 30)
    result = stretch(frame, 6, 4)
    assert result[0, 0].tolist() == [10, 20, 30]
    assert not result[2:].any()
    assert not result[:, 3:].any()


@pytest.mark.parametrize("view", ["flipped", "cropped"])
def test_pictures_that_are_views_of_others_are_read_right(view):
    frame = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    part = frame[::-1] if view == "flipped" else frame[4:20, 10:50]
    assert (stretch(part, 16, 8) == stretch(part.copy(), 16, 8)).all()
