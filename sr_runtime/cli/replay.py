"""The verb ``replay``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``replay`` to the command tree."""
