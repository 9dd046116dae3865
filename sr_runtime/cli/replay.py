"""The verb ``replay``: run captured sessions again and compare the sound."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from sr_runtime.server.replaying import Replay

DIFFERS = 2
"""Exit code if some sound is not the same: 1 is for errors."""


def register(app: typer.Typer) -> None:
    """Add ``replay`` to the command tree."""

    @app.command()
    def replay(
        folder: Annotated[Path, typer.Argument(help="What 'serve --capture' wrote.")],
        bundle: Annotated[
            str | None, typer.Option(help="Another bundle than the one that was captured.")
        ] = None,
        device: Annotated[str, typer.Option(help="cpu, cuda, tensorrt or auto.")] = "cpu",
        threads: Annotated[int, typer.Option(help="Processor threads.", min=1)] = 1,
        json_path: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    ) -> None:
        """Run captured sessions again, through the same code, and compare the sound sample by sample."""
        from sr_runtime.engine import Engine
        from sr_runtime.server.replaying import captured_bundle, captured_sessions
        from sr_runtime.server.replaying import replay as replay_session

        results = []
        for session in captured_sessions(folder):
            engine = Engine(bundle or captured_bundle(session), device, threads)
            results.append(replay_session(session, engine))
        Console().print(_table(results))
        if json_path is not None:
            _write(json_path, results)
        if any(result.differing_hops for result in results):
            raise typer.Exit(DIFFERS)


def _table(results: list[Replay]) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in ("session", "hops", "differing", "first", "largest difference", "bundle"):
        table.add_column(column)
    for result in results:
        table.add_row(
            result.folder.name,
            str(result.hops),
            str(result.differing_hops),
            "-" if result.first_difference is None else str(result.first_difference),
            f"{result.largest_difference:.3g}",
            "same" if result.is_same_bundle else "another",
        )
    return table


def _write(path: Path, results: list[Replay]) -> None:
    from dataclasses import asdict

    from sr_runtime.figures import write_json

    write_json(path, {"sessions": [{**asdict(result), "folder": str(result.folder)} for result in results]})
