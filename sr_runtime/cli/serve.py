"""The verb ``serve``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``serve`` to the command tree."""
