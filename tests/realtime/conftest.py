"""Fixtures for tests that play on a real sound system."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.realtime.bed import NullSinkBed


@pytest.fixture
def null_sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[NullSinkBed]:
    """A private PulseAudio null sink that is the default device of this process and its children.

    ``null_sink.record()`` records what is played.
    """
    with NullSinkBed() as bed:
        for name, value in bed.environment.items():
            monkeypatch.setenv(name, value)
        yield bed
