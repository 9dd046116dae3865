"""The verb ``record``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``record`` to the command tree."""
