"""onnxruntime over memory beside the graphs, as on a GPU, is bit for bit what it is over arrays.

The memory is the CPU's here; what needs a GPU besides is provider options and streams.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from sr_runtime.engine.backends import onnx as backend
from sr_runtime.engine.backends.onnx_gpu import GpuMemory
from sr_runtime.engine.rings import DeviceRings
from sr_runtime.engine.session import Engine, Session, Step, step_together
from tests.small_model import WINDOW, moving_pictures, small_bundle


@pytest.fixture
def as_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Return an engine that believes to have a GPU; its memory and its provider are the CPU's."""
    monkeypatch.setattr(backend, "why_absent", lambda device: "")
    monkeypatch.setattr(backend, "GpuMemory", lambda: GpuMemory("cpu"))
    monkeypatch.setitem(backend.PROVIDERS, "cuda", "CPUExecutionProvider")
    monkeypatch.setattr(backend, "provider_list", lambda *_: ["CPUExecutionProvider"])
    return Engine(small_bundle(), device="cuda")


def test_every_hop_is_the_same_past_the_rings_end(as_on_a_gpu: Engine) -> None:
    ours, theirs = as_on_a_gpu.open_session(seed=3), Engine(small_bundle()).open_session(seed=3)
    assert isinstance(ours._hops._transformer._rings, DeviceRings)
    for hop, frame in enumerate(moving_pictures(2 * WINDOW)):
        given = None if hop % 5 == 4 else frame
        assert np.array_equal(ours.step(given), theirs.step(given)), hop
    for name, array in theirs.state().items():
        assert np.array_equal(ours.state()[name], array), name


def test_sessions_together_join_leave_and_change_guidance(as_on_a_gpu: Engine) -> None:
    reference = Engine(small_bundle())
    pairs: list[tuple[Session, Session]] = []

    def join(seed: int) -> None:
        pairs.append((as_on_a_gpu.open_session(seed=seed, shared=True), reference.open_session(seed=seed)))

    for hop, frame in enumerate(moving_pictures(2 * WINDOW)):
        if hop in (0, 1, 4, 9):
            join(seed=hop)
        if hop == 7:
            pairs.pop(0)[0].close()
        guidance = 1.0 if hop % 6 == 5 else 2.0
        for session in pairs[-1]:
            session.guidance = guidance
        sounds = step_together([Step(ours, frame) for ours, _ in pairs])
        for (_, alone), sound in zip(pairs, sounds, strict=True):
            assert np.array_equal(sound, alone.step(frame)), hop


def test_a_session_that_is_alone_runs_what_was_recorded_for_one_before(as_on_a_gpu: Engine) -> None:
    film, recorded = moving_pictures(WINDOW), []
    expected = [Engine(small_bundle()).open_session(seed=2).step(frame) for frame in film[:1]]
    for _ in range(3):
        session = as_on_a_gpu.open_session(seed=2)
        assert np.array_equal(session.step(film[0]), expected[0])
        for frame in film[1:]:
            session.step(frame)
        session.close()
        recorded.append({name: graph._bindings for name, graph in as_on_a_gpu.backend._graphs.items()})
    assert recorded[0] == recorded[1] == recorded[2]
    assert min(recorded[0].values()) >= 1


def test_sessions_that_are_alone_at_the_same_time_do_not_hear_each_other(as_on_a_gpu: Engine) -> None:
    film = moving_pictures(WINDOW)
    as_on_a_gpu.open_session(seed=9).close()
    ours = [as_on_a_gpu.open_session(seed=seed) for seed in range(2)]
    theirs = [Engine(small_bundle()).open_session(seed=seed) for seed in range(2)]
    for frame in film:
        for one, other in zip(ours, theirs, strict=True):
            assert np.array_equal(one.step(frame), other.step(frame))


@pytest.mark.parametrize("way", ["to", "from"])
def test_a_session_can_be_handed_over(way: Literal["to", "from"], as_on_a_gpu: Engine) -> None:
    film = moving_pictures(WINDOW + 4)
    engines = [as_on_a_gpu, Engine(small_bundle())]
    first, second = (engine.open_session(seed=1) for engine in (engines if way == "from" else engines[::-1]))
    for frame in film[:WINDOW]:
        first.step(frame)
    second.load_state(first.state())
    for frame in film[WINDOW:]:
        assert np.array_equal(first.step(frame), second.step(frame))


def test_a_reset_session_starts_anew(as_on_a_gpu: Engine) -> None:
    session, film = as_on_a_gpu.open_session(seed=1), moving_pictures(4)
    before = [session.step(frame) for frame in film]
    session.reset()
    assert all(np.array_equal(session.step(frame), sound) for frame, sound in zip(film, before, strict=True))
