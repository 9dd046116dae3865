"""The figures of every ``--json``: quantiles, misses, and what an empty log says."""

from __future__ import annotations

import json

import pytest

from sr_runtime.engine.timings import HopTimings
from sr_runtime.errors import DataError
from sr_runtime.figures import HopLog, quantiles, write_json


def hop(hop_ms: float) -> HopTimings:
    return HopTimings(
        vision_ms=1.0,
        transformer_ms=2.0,
        head_ms=0.5,
        decoder_ms=0.25,
        hop_ms=hop_ms,
        after_frame_ms=hop_ms - 1,
    )


def test_a_hop_longer_than_a_thirtieth_of_a_second_is_a_miss():
    log = HopLog()
    for hop_ms in (5.0, 33.3, 33.4, 90.0):
        log.add(hop(hop_ms))
    figures = log.figures()
    assert figures["misses"] == 2
    assert figures["hops"] == 4
    assert figures["hop_ms"]["worst"] == 90.0


def test_the_keys_are_the_documented_ones():
    log = HopLog()
    log.add(hop(5.0))
    figures = log.figures()
    assert set(figures) == {"hop_ms", "after_frame_ms", "stage_ms", "misses", "hops"}
    assert set(figures["hop_ms"]) == {"p50", "p99", "worst"}
    assert set(figures["after_frame_ms"]) == {"p50", "p99"}
    assert set(figures["stage_ms"]) == {"vision", "transformer", "head", "decoder"}
    assert figures["stage_ms"]["transformer"] == {"p50": 2.0, "p99": 2.0}


def test_no_measurement_is_null_and_not_zero():
    assert quantiles([], 50, 99, worst=True) == {"p50": None, "p99": None, "worst": None}


def test_json_is_written_with_its_folder(tmp_path):
    path = tmp_path / "new" / "figures.json"
    write_json(path, {"hops": 3})
    assert json.loads(path.read_text()) == {"hops": 3}


def test_json_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="--json"):
        write_json(tmp_path / "file" / "figures.json", {})
