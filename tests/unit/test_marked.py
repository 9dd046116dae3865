"""Measured text in documents: a command owns what stands between its markers, and nothing else."""

from __future__ import annotations

import pytest

from sr_runtime.errors import DataError
from sr_runtime.marked import fill


def test_everything_outside_the_markers_stays(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- bench:start -->\nold\n<!-- bench:end -->\nafter\n")
    fill(page, "bench", "\nnew\n")
    assert page.read_text() == "before\n<!-- bench:start -->\nnew\n<!-- bench:end -->\nafter\n"


def test_filling_twice_is_filling_once(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("<!-- a:start --><!-- a:end --> <!-- b:start -->keep<!-- b:end -->")
    fill(page, "a", "new")
    once = page.read_text()
    fill(page, "a", "new")
    assert page.read_text() == once
    assert "keep" in once


def test_a_page_without_the_markers_is_left_alone(tmp_path):
    page = tmp_path / "README.md"
    page.write_text("nothing here\n")
    with pytest.raises(DataError, match="bench:start"):
        fill(page, "bench", "new")
    assert page.read_text() == "nothing here\n"


def test_a_missing_page_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.md"):
        fill(tmp_path / "nowhere.md", "bench", "new")
