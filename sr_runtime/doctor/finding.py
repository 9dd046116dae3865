"""One thing that the doctor looked at, and the whole examination. Plain values, no checks. Thread: any."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import StrEnum

from sr_runtime.figures import JsonMap


class Verdict(StrEnum):
    """How a thing stands."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Attributes:
        topic: What was looked at.
        verdict: ``note`` = something optional is not there; ``problem`` = something will fail.
        detail: What was found, with versions and values.
        fix: The command that mends it; empty if there is nothing to mend.
    """

    topic: str
    verdict: Verdict
    detail: str
    fix: str = ""


Check = Callable[[], Finding]


def examine(checks: tuple[Check, ...]) -> list[Finding]:
    """Run all checks; one that breaks is itself a problem and does not hide the others."""
    return [_run(check) for check in checks]


def problems(findings: list[Finding]) -> list[Finding]:
    """Return the findings that need mending."""
    return [finding for finding in findings if finding.verdict is Verdict.PROBLEM]


def as_json(findings: list[Finding], machine: JsonMap) -> JsonMap:
    """Return the examination for ``--json``."""
    return {
        "machine": machine,
        "problems": len(problems(findings)),
        "findings": [asdict(finding) for finding in findings],
    }


def as_markdown(findings: list[Finding], machine: JsonMap) -> str:
    """Return the examination as a report to paste into an issue."""
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    lines = [
        "## sr-runtime doctor",
        "",
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}",
        "",
        packages,
        "",
        "| topic | verdict | found | mend it with |",
        "| --- | --- | --- | --- |",
    ]
    for finding in findings:
        fix = f"`{finding.fix}`" if finding.fix else ""
        lines.append(f"| {finding.topic} | {finding.verdict} | {_cell(finding.detail)} | {_cell(fix)} |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _run(check: Check) -> Finding:
    topic = check.__name__.replace("_", " ").strip()
    try:
        return check()
    except Exception as error:  # a doctor that falls ill over the illness is of no use
        return Finding(topic, Verdict.PROBLEM, f"the check itself failed: {type(error).__name__}: {error}")
