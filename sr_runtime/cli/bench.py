"""The verb ``bench``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``bench`` to the command tree."""
