"""The verb ``doctor``: being written."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add ``doctor`` to the command tree."""
