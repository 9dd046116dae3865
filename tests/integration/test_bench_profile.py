"""Where the time goes: a table per operator and a trace on one clock."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sr_runtime.bench.profile import HOPS, WARM_HOPS, profile
from sr_runtime.cli.main import build_app
from sr_runtime.engine.bundle import GRAPH_NAMES
from sr_runtime.errors import DataError


def test_every_node_of_a_hop_lies_within_it_and_every_graph_has_its_line(tmp_path: Path) -> None:
    trace = tmp_path / "deep" / "trace.json"
    rows = profile("probe", threads=1, seconds=0.5, trace=trace)
    events = json.loads(trace.read_text())["traceEvents"]
    names = [event["args"]["name"] for event in events if event["ph"] == "M"]
    assert names == [HOPS, *GRAPH_NAMES]
    spans = [event for event in events if event["ph"] == "X"]
    hops = [event for event in spans if event["tid"] == 0]
    assert len(hops) == 15 and hops[0]["name"] == f"hop {WARM_HOPS}"
    nodes = [event for event in spans if event["tid"]]
    slack_us = 1000
    for node in nodes:
        inside = (h["ts"] - slack_us <= node["ts"] <= h["ts"] + h["dur"] + slack_us for h in hops)
        assert any(inside), node
    assert {event["tid"] for event in nodes} == {1, 2, 3, 4, 5}
    softmax = next(row for row in rows if row.operator == "Softmax")
    assert (softmax.graph, softmax.calls) == ("transformer", 2.0)
    assert sum(row.share for row in rows) == pytest.approx(1.0)
    assert rows == sorted(rows, key=lambda row: -row.ms)


def test_the_verb_prints_the_table_and_names_the_trace(tmp_path: Path) -> None:
    trace = tmp_path / "trace.json"
    done = CliRunner().invoke(
        build_app(),
        ["bench", "--bundle", "probe", "--seconds", "1", "--profile", str(trace)],
        env={"COLUMNS": "120"},
    )
    assert done.exit_code == 0, done.output
    assert "transformer" in done.output and str(trace.name) in done.output


def test_a_trace_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="choose another with --profile"):
        profile("probe", threads=1, seconds=0.1, trace=tmp_path / "file" / "trace.json")
