"""The verb ``export``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``export`` to the command tree."""
