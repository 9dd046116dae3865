"""The verb ``evaluate``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``evaluate`` to the command tree."""
