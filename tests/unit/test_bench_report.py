"""The benchmark's history and tables, from a run made of known numbers."""

from __future__ import annotations

import pytest

from sr_runtime.bench.busy import BusyCore
from sr_runtime.bench.history import append_run, read_runs
from sr_runtime.bench.table import markdown, rows
from sr_runtime.errors import DataError


def part(p50: float) -> dict:
    stages = {name: {"p50": 1.0, "p99": 2.0} for name in ("vision", "transformer", "head", "decoder")}
    return {
        "hop_ms": {"p50": p50, "p99": p50 + 1, "worst": p50 + 2},
        "after_frame_ms": {"p50": 1.0, "p99": 2.0},
        "stage_ms": stages,
        "misses": 0,
        "hops": 1800,
    }


@pytest.fixture
def figures() -> dict:
    wire = {
        **part(9.0),
        "underruns": 0,
        "frame_to_sample_ms": {"p50": 110.0, "p95": None},
        "output": "a card",
    }
    return {
        **part(8.0),
        "device": "cpu",
        "threads": 1,
        "model": "default",
        "commit": "abc",
        "machine": {"processor": "Some CPU", "cores": 2},
        "busy": part(10.0),
        "wire": wire,
    }


def test_the_table_has_one_row_for_each_part(figures):
    assert [row[0] for row in rows(figures)] == ["alone", "busy core", "socket, a card"]
    assert rows(figures)[0][1:4] == ["8.0", "9.0", "10.0"]
    assert rows(figures)[0][-1] == "4.2"  # 33.3 ms / 8.0 ms


def test_the_markdown_names_machine_model_and_commit(figures):
    text = markdown(figures)
    for fact in ("Some CPU (2 cores)", "`default`", "`abc`", "1800 hops", "playing on `a card`: 0 underruns"):
        assert fact in text


def test_without_a_sound_device_no_underruns_are_claimed(figures):
    assert "0 underruns" in markdown(figures)
    figures["wire"]["output"] = "none"
    figures["wire"]["why_silent"] = "no sound device was wanted"
    assert "0 underruns" not in markdown(figures)
    assert "Neither underruns nor `frame_to_sample_ms` were measured: no sound device was" in markdown(
        figures
    )
    assert rows(figures)[2][0] == "socket"


def test_a_part_that_was_not_measured_has_no_row(figures):
    del figures["busy"]
    assert [row[0] for row in rows(figures)] == ["alone", "socket, a card"]


def test_the_history_grows_by_one_line_for_each_run(tmp_path, figures):
    path = tmp_path / "benchmarks" / "history.jsonl"
    assert read_runs(path) == []
    append_run(path, figures)
    append_run(path, figures)
    first, second = read_runs(path)
    assert first["hop_ms"] == second["hop_ms"] == figures["hop_ms"]
    assert first["at"] <= second["at"]


def test_a_damaged_history_names_the_line(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"hops": 1}\nnonsense\n')
    with pytest.raises(DataError, match=r"history\.jsonl:2"):
        read_runs(path)


def test_the_busy_core_ends_with_its_block():
    with BusyCore() as core:
        assert core.is_running
    assert not core.is_running
