"""What the benchmark's socket part plays on: the device there is, else a null sink of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sr_runtime.bench.null_sink import APT, missing_component
from sr_runtime.bench.sound import NULL_SINK_NAME, bench_sound
from sr_runtime.cli.main import build_app
from tests.conftest import missing
from tests.realtime.bed import NullSinkBed


def test_the_socket_part_is_heard_on_a_null_sink_where_there_is_no_device(tmp_path):
    if absent := missing_component():
        missing(absent, APT)
    (tmp_path / "README.md").write_text("<!-- bench:start -->\n<!-- bench:end -->\n")
    arguments = ["bench", "--bundle", "probe", "--seconds", "3", "--no-busy", "--output", "null-sink"]
    arguments += ["--json", str(tmp_path / "bench.json"), "--readme", str(tmp_path / "README.md")]
    done = CliRunner().invoke(build_app(), arguments)
    assert done.exit_code == 0, done.output
    wire = json.loads((tmp_path / "bench.json").read_text())["wire"]
    assert wire["output"] == NULL_SINK_NAME
    assert 20.0 < wire["frame_to_sample_ms"]["p50"] < 1000.0
    assert wire["underruns"] >= 0
    assert f"| socket, {NULL_SINK_NAME} |" in (tmp_path / "README.md").read_text()


def test_the_device_there_is_comes_before_a_null_sink(null_sink: NullSinkBed):
    with bench_sound(None) as sound:
        assert (sound.output, sound.environment, sound.why_silent) == (None, {}, "")


def test_a_null_sink_ends_with_its_block():
    if absent := missing_component():
        missing(absent, APT)
    with bench_sound("null-sink") as sound:
        socket = sound.environment["PULSE_SERVER"].removeprefix("unix:")
    with pytest.raises(FileNotFoundError):
        Path(socket).stat()


def test_a_named_device_and_none_are_left_as_they_are():
    with bench_sound("USB") as sound:
        assert (sound.output, sound.name) == ("USB", "")
    with bench_sound("none") as sound:
        assert sound.output == "none"
        assert sound.why_silent
