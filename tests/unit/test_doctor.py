"""The doctor: it finds what is wrong, says how to mend it, and survives its own failures."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from sr_runtime.cli.main import build_app
from sr_runtime.doctor import checks
from sr_runtime.doctor.checks import CHECKS
from sr_runtime.doctor.finding import Finding, Verdict, as_markdown, examine, problems
from sr_runtime.machine import describe


def installed(**versions: str):
    return lambda name: versions.get(name.replace("-", "_"))


def test_both_onnxruntime_wheels_are_a_problem_with_the_command_that_mends_it(monkeypatch):
    monkeypatch.setattr(checks, "package_version", installed(onnxruntime="1.30.0", onnxruntime_gpu="1.30.0"))
    finding = checks.onnxruntime_wheel()
    assert finding.verdict is Verdict.PROBLEM
    assert "pip uninstall -y onnxruntime onnxruntime-gpu" in finding.fix


def test_no_onnxruntime_is_a_problem(monkeypatch):
    monkeypatch.setattr(checks, "package_version", installed())
    assert checks.onnxruntime_wheel().fix == "pip install 'sr-runtime[cpu]'"


def test_one_onnxruntime_is_fine(monkeypatch):
    monkeypatch.setattr(checks, "package_version", installed(onnxruntime_gpu="1.30.0"))
    assert checks.onnxruntime_wheel().verdict is Verdict.OK


def test_a_taken_port_is_noted_with_another_one():
    import socket

    from sr_bridge import connection

    host, port = connection.DEFAULT_ENDPOINT.removeprefix("tcp://").split(":")
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
        except OSError:
            pytest.skip(f"port {port} is in use on this machine")
        listener.listen()
        finding = checks.default_port()
    assert finding.verdict is Verdict.NOTE
    assert "--endpoint" in finding.fix


def test_a_connection_file_that_cannot_be_written_is_a_problem(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SR_CONNECTION_FILE", str(tmp_path / "file" / "connection.json"))
    finding = checks.connection_folder()
    assert finding.verdict is Verdict.PROBLEM
    assert "SR_CONNECTION_FILE" in finding.fix


def test_a_check_that_breaks_does_not_hide_the_others():
    def broken() -> Finding:
        raise ZeroDivisionError("by zero")

    findings = examine((broken, checks.python))
    assert findings[0].verdict is Verdict.PROBLEM
    assert "ZeroDivisionError" in findings[0].detail
    assert findings[1].verdict is Verdict.OK


def test_every_problem_has_a_command_here():
    assert all(finding.fix for finding in problems(examine(CHECKS)))


def test_the_report_is_a_markdown_table_that_pipes_cannot_break():
    text = as_markdown([Finding("topic", Verdict.OK, "one | two\nthree")], describe())
    row = text.strip().splitlines()[-1]
    assert row.count("|") - row.count("\\|") == 5


def test_the_verb_writes_report_and_json(tmp_path):
    report, figures = tmp_path / "report.md", tmp_path / "doctor.json"
    done = CliRunner().invoke(build_app(), ["doctor", "--report", str(report), "--json", str(figures)])
    found = json.loads(figures.read_text())
    assert done.exit_code == (1 if found["problems"] else 0)
    assert "## sr-runtime doctor" in report.read_text()
    assert {finding["topic"] for finding in found["findings"]} >= {
        "Python",
        "onnxruntime",
        "model bundles",
        "port",
    }
