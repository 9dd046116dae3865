"""The verb ``doctor``: examine this machine and say how to mend what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from sr_runtime.doctor.finding import Finding, Verdict

_COLOURS = {Verdict.OK: "green", Verdict.NOTE: "yellow", Verdict.PROBLEM: "bold red"}


def register(app: typer.Typer) -> None:
    """Add ``doctor`` to the command tree."""

    @app.command()
    def doctor(
        report: Annotated[
            Path | None, typer.Option(help="Write a Markdown report here ('-' prints it), for an issue.")
        ] = None,
        json_path: Annotated[Path | None, typer.Option("--json", help="Write the findings here.")] = None,
    ) -> None:
        """Examine this machine; ends with code 1 if something will not work."""
        from sr_runtime.doctor.checks import CHECKS
        from sr_runtime.doctor.finding import as_json, as_markdown, examine, problems
        from sr_runtime.figures import write_json
        from sr_runtime.machine import describe

        findings, machine = examine(CHECKS), describe()
        if json_path is not None:
            write_json(json_path, as_json(findings, machine))
        if report == Path("-"):
            typer.echo(as_markdown(findings, machine))
        else:
            _tell(findings)
            if report is not None:
                report.write_text(as_markdown(findings, machine))
        if problems(findings):
            raise typer.Exit(1)


def _tell(findings: list[Finding]) -> None:
    table = Table("", "topic", "found", box=None, pad_edge=False)
    for finding in findings:
        colour = _COLOURS[finding.verdict]
        fix = f"\n[bold]→ {finding.fix}[/]" if finding.fix else ""
        table.add_row(f"[{colour}]{finding.verdict}[/]", finding.topic, f"{finding.detail}{fix}")
    Console().print(table, highlight=False)
