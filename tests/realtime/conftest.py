"""Fixtures for tests that play on a real sound system."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.realtime.bed import NullSinkBed


@pytest.fixture
def null_sink(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NullSinkBed]:
    """A private PulseAudio null sink that is the default device of this process and its children.

    ``null_sink.env`` are the environment variables, ``null_sink.record()`` records what is played.
    """
    folder = tmp_path / "pulse"
    folder.mkdir()
    bed = NullSinkBed(folder, dict(os.environ))
    for name, value in bed.own_env.items():
        monkeypatch.setenv(name, value)
    try:
        yield bed
    finally:
        bed.close()
