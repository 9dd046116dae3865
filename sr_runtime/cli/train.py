"""The verb ``train``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``train`` to the command tree."""
