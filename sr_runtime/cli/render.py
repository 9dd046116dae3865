"""The verb ``render``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``render`` to the command tree."""
