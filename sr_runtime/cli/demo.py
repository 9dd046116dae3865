"""The verb ``demo``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``demo`` to the command tree."""
