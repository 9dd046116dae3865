"""The verb ``devices``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``devices`` to the command tree."""
