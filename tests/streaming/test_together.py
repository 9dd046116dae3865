"""Sessions computed together: bit for bit what each would sound like alone, whoever comes and goes."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_runtime.engine import member as member_module
from sr_runtime.engine import session as session_module
from sr_runtime.engine.probe import read_hops
from sr_runtime.engine.session import Engine, Session, Step, prepare_together, step_together
from sr_runtime.errors import SessionError
from sr_runtime.types import Audio
from tests.small_model import moving_pictures, small_bundle

HOPS = 30
"""More than two turns of the small model's ring."""


def alone(engine: Engine, seed: int, hops: int, **options: object) -> Audio:
    session = engine.open_session(seed=seed, **options)
    return np.concatenate([session.step(frame) for frame in moving_pictures(hops, seed)])


def together(engine: Engine, sessions: dict[int, Session], hops: int) -> dict[int, Audio]:
    films = {seed: moving_pictures(hops, seed) for seed in sessions}
    sounds: dict[int, list[Audio]] = {seed: [] for seed in sessions}
    for hop in range(hops):
        steps = [Step(session, films[seed][hop]) for seed, session in sessions.items()]
        for seed, audio in zip(sessions, step_together(steps), strict=True):
            sounds[seed].append(audio)
    return {seed: np.concatenate(hops) for seed, hops in sounds.items()}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_no_session_hears_who_else_is_computed(precision: str, threads: int) -> None:
    engine = Engine(small_bundle(precision), threads=threads)
    heard = together(engine, {seed: engine.open_session(seed=seed, shared=True) for seed in range(5)}, HOPS)
    for seed, audio in heard.items():
        assert np.array_equal(audio, alone(engine, seed, HOPS)), f"session {seed} differs"


def test_neighbours_may_have_other_settings() -> None:
    engine = Engine(small_bundle())
    options = {
        0: {"guidance": 3.0, "nfe": 4},
        1: {"guidance": 1.0, "nfe": 1},
        2: {"sampler": "heun", "nfe": 5},
        3: {"guidance": 1.0, "nfe": 4},
    }
    sessions = {seed: engine.open_session(seed=seed, shared=True, **given) for seed, given in options.items()}
    for seed, audio in together(engine, sessions, 15).items():
        assert np.array_equal(audio, alone(engine, seed, 15, **options[seed])), options[seed]


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["open", "close", "pause", "resume"]), st.integers(0, 5)), max_size=14)
)
def test_sessions_may_come_go_and_pause_at_any_time(events: list[tuple[str, int]]) -> None:
    engine = Engine(small_bundle())
    film = moving_pictures(2 * len(events) + 2)
    running: dict[int, Session] = {}
    resting: dict[int, Session] = {}
    references: dict[int, Session] = {}
    hop = 0
    for event, seed in events:
        if event == "open" and seed not in references:
            running[seed] = engine.open_session(seed=seed, shared=True)
            references[seed] = engine.open_session(seed=seed)
        elif event == "close" and seed in references:
            (running.pop(seed, None) or resting.pop(seed)).close()
            del references[seed]
        elif event == "pause" and seed in running:
            resting[seed] = running.pop(seed)
        elif event == "resume" and seed in resting:
            running[seed] = resting.pop(seed)
        for _ in range(2):
            sounds = step_together([Step(session, film[hop]) for session in running.values()])
            for seed_, audio in zip(running, sounds, strict=True):
                assert np.array_equal(audio, references[seed_].step(film[hop]))
            hop += 1


def test_more_than_fit_in_one_go_are_computed_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "TOGETHER", 2)
    engine = Engine(small_bundle())
    heard = together(engine, {seed: engine.open_session(seed=seed, shared=True) for seed in range(5)}, 4)
    for seed, audio in heard.items():
        assert np.array_equal(audio, alone(engine, seed, 4))


def test_repeated_frames_cuts_and_sessions_without_a_frame_go_together() -> None:
    engine, film = Engine(small_bundle()), moving_pictures(12)

    def plan(seed: int, hop: int) -> tuple[np.ndarray | None, bool]:
        is_shown = hop % (seed + 1) == seed
        return (film[hop], seed == 1) if is_shown else (None, False)

    shared = {seed: engine.open_session(seed=seed, shared=True) for seed in range(3)}
    single = {seed: engine.open_session(seed=seed) for seed in range(3)}
    for hop in range(12):
        prepare_together(session for session in shared.values() if session.has_frame)
        sounds = step_together([Step(session, *plan(seed, hop)) for seed, session in shared.items()])
        for seed, audio in enumerate(sounds):
            assert np.array_equal(audio, single[seed].step(*plan(seed, hop))), (seed, hop)
    assert [session.counters for session in shared.values()] == [s.counters for s in single.values()]


def test_a_frame_that_is_no_picture_disturbs_nobody() -> None:
    engine, film = Engine(small_bundle()), moving_pictures(3)
    one, other = (engine.open_session(seed=seed, shared=True) for seed in (0, 1))
    step_together([Step(one, film[0]), Step(other, film[0])])
    with pytest.raises(SessionError, match="expected uint8"):
        step_together([Step(one, film[1]), Step(other, film[1][:, :, 0])])
    sounds = step_together([Step(one, film[1]), Step(other, film[1])])
    reference = engine.open_session(seed=0)
    reference.step(film[0])
    assert np.array_equal(sounds[0], reference.step(film[1]))


@pytest.mark.parametrize("backend", ["onnx", "torch"])
def test_who_rests_for_long_is_not_computed_and_sounds_as_alone_afterwards(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(member_module, "LONG_REST", 4)
    engine, film = Engine(small_bundle(), backend=backend), moving_pictures(2 * HOPS)
    shared = [engine.open_session(seed=seed, shared=True) for seed in range(5)]
    single = [engine.open_session(seed=seed) for seed in range(5)]
    for hop, frame in enumerate(film):
        running = [0, 1, 2, 3, 4] if hop < 3 or hop >= 45 else [1, 4] if hop < 20 else [0, 2, 4]
        steps = [Step(shared[seed], frame) for seed in running]
        for seed, sound in zip(running, step_together(steps), strict=True):
            expected = single[seed].step(frame)
            exact = 0.0 if backend == "onnx" else 2e-4 * np.abs(expected).max() + 1e-6
            assert np.allclose(sound, expected, rtol=0.0, atol=exact), (hop, seed)
        if hop in (19, 44):
            assert {shared[seed]._member.index for seed in running} == set(range(len(running)))
    assert [member.index for member in shared[0]._hops._members] == [0, 1, 2, 3, 4]


def test_only_rows_up_to_the_last_one_that_has_a_hop_due_are_computed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, film = Engine(small_bundle()), moving_pictures(3)
    sessions = [engine.open_session(seed=seed, shared=True, guidance=2.0) for seed in range(4)]
    stage, ran = sessions[0]._hops._transformer, []
    run = stage._run

    def noted(start: int, stop: int) -> None:
        ran.append(stop - start)
        run(start, stop)

    monkeypatch.setattr(stage, "_run", noted)
    for frame, count in zip(film, (4, 2, 1), strict=True):
        step_together([Step(session, frame) for session in sessions[:count]])
    assert ran == [8, 8, 4, 4, 2, 2]


def test_sessions_that_take_turns_do_not_change_places() -> None:
    engine, film = Engine("probe"), moving_pictures(40)
    sessions = [engine.open_session(seed=seed, shared=True) for seed in range(6)]
    for frame in film:
        for session in sessions:
            session.step(frame)
    assert [session._member.index for session in sessions] == list(range(6))


def fails_once(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, at_call: int = 1) -> None:
    """Let a method do its work and then fail, at one of its calls."""
    work, calls = getattr(owner, name), itertools.count(1)

    def fail_after_work(*args: object) -> object:
        result = work(*args)
        if next(calls) == at_call:
            raise RuntimeError("a bug")
        return result

    monkeypatch.setattr(owner, name, fail_after_work)


@pytest.mark.parametrize(
    ("stage", "backend"),
    [
        *itertools.product(
            ("vision", "prepare", "transformer", "head", "decoder", "finish"), ("onnx", "torch")
        ),
        ("steering", "onnx"),  # in torch it is a part of the head's pass
    ],
)
@pytest.mark.parametrize("hop_of_failure", [0, 9])
def test_a_hop_that_failed_can_be_tried_again_as_if_nothing_had_been(
    stage: str, hop_of_failure: int, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, film = Engine(small_bundle(), backend=backend), moving_pictures(HOPS)
    options = ({"guidance": 3.0}, {"guidance": 1.0}, {"guidance": 2.0, "nfe": 4})
    shared, single = (
        [engine.open_session(seed=seed, shared=is_shared, **given) for seed, given in enumerate(options)]
        for is_shared in (True, False)
    )
    hops = shared[0]._hops
    places = {
        "onnx": {
            "vision": (getattr(hops, "_vision", None), "see"),
            "prepare": (getattr(hops, "_transformer", None), "append"),
            "transformer": (getattr(hops, "_transformer", None), "append", 2),
            "head": (getattr(hops, "_head", None), "sample"),
            "steering": (getattr(hops, "_steering", None), "steer"),
            "decoder": (getattr(hops, "_decoder", None), "decode"),
        },
        "torch": {
            "vision": (getattr(hops, "memory", None), "show"),
            "prepare": (hops, "_run"),
            "transformer": (hops, "_run", 5 if hop_of_failure else 2),
            "head": (hops, "_fetch"),
            "decoder": (hops, "_fetch", 2),
        },
    }[backend] | {"finish": (shared[1], "_finish")}
    for hop, frame in enumerate(film):
        shown = None if hop % 4 == 2 else frame
        steps = [Step(session, shown, hop == 9) for session in shared]
        if hop == hop_of_failure:
            fails_once(monkeypatch, *places[stage])
            with pytest.raises(RuntimeError, match="a bug"):
                step_together(steps)
            sounds = [step_together([step])[0] for step in steps]
        else:
            sounds = step_together(steps)
        for sound, session in zip(sounds, single, strict=True):
            expected = session.step(shown, hop == 9)
            exact = 0.0 if backend == "onnx" else 2e-4 * np.abs(expected).max() + 1e-6
            assert np.allclose(sound, expected, rtol=0.0, atol=exact), hop
    assert [session.hop for session in shared] == [len(film)] * 3


def test_who_is_computed_in_another_go_than_the_failed_one_goes_back_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "TOGETHER", 2)
    engine, film = Engine(small_bundle()), moving_pictures(6)
    sessions = [engine.open_session(seed=seed, shared=True) for seed in range(4)]
    references = [engine.open_session(seed=seed) for seed in range(4)]
    for hop, frame in enumerate(film):
        steps = [Step(session, frame) for session in sessions]
        if hop == 3:
            fails_once(monkeypatch, sessions[-1]._hops, "compute")
            with pytest.raises(RuntimeError):
                step_together(steps)
        for sound, reference in zip(step_together(steps), references, strict=True):
            assert np.array_equal(sound, reference.step(frame)), hop


def test_a_session_that_was_reset_in_a_failed_hop_stays_reset_and_counts_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine, film = Engine(small_bundle()), moving_pictures(8)
    broken, other = (engine.open_session(seed=seed, shared=True) for seed in range(2))
    reference = engine.open_session(seed=1)
    for frame in film[:4]:
        step_together([Step(broken, frame), Step(other, frame)])
        reference.step(frame)
    broken.load_state({**broken.state(), "k_0": np.full_like(broken.state()["k_0"], np.nan)})
    fails_once(monkeypatch, other, "_finish")
    with pytest.raises(RuntimeError):
        step_together([Step(broken, film[4]), Step(other, film[4])])
    assert broken.counters.resets_after_nan == 1
    assert (broken.state()["position"][0], broken.hop) == (0, 5)
    for frame in film[4:]:
        sounds = step_together([Step(broken, frame), Step(other, frame)])
        assert np.array_equal(sounds[1], reference.step(frame))
        assert np.isfinite(sounds[0]).all()


def test_a_closed_session_among_others_disturbs_nobody() -> None:
    engine, film = Engine(small_bundle()), moving_pictures(6)
    closed, other = (engine.open_session(seed=seed, shared=True) for seed in range(2))
    reference = engine.open_session(seed=1)
    for frame in film[:3]:
        step_together([Step(closed, frame), Step(other, frame)])
        reference.step(frame)
    closed.close()
    for frame in film[3:]:
        with pytest.raises(SessionError, match="closed"):
            step_together([Step(other, frame), Step(closed, frame)])
        assert np.array_equal(other.step(frame), reference.step(frame))


def test_a_saved_shared_session_goes_on_alone_and_the_other_way_round() -> None:
    engine, film = Engine(small_bundle()), moving_pictures(20)
    shared = [engine.open_session(seed=seed, shared=True) for seed in range(3)]
    for frame in film[:9]:
        step_together([Step(session, frame) for session in shared])
    moved = engine.open_session(seed=1)
    moved.load_state(shared[1].state())
    shared[0].close()
    back = engine.open_session(seed=1, shared=True)
    back.load_state(moved.state())
    for frame in film[9:]:
        first, second, third = step_together(
            [Step(shared[1], frame), Step(shared[2], frame), Step(back, frame)]
        )
        assert np.array_equal(first, third)
        assert np.array_equal(first, moved.step(frame))
        assert not np.array_equal(first, second)


def test_a_closed_session_says_so() -> None:
    session = Engine("probe").open_session(shared=True)
    session.close()
    session.close()
    for use in (lambda: session.step(np.zeros((32, 32, 3), np.uint8)), session.reset, session.state):
        with pytest.raises(SessionError, match="closed"):
            use()
    with pytest.raises(SessionError, match="closed"):
        session.load_state(Engine("probe").open_session().state())


def test_guidance_1_costs_no_null_row_and_a_later_guidance_starts_it_anew() -> None:
    engine, film = Engine(small_bundle()), moving_pictures(2 * HOPS)
    turned, guided = engine.open_session(guidance=1.0), engine.open_session(guidance=2.0)
    for frame in film[:3]:
        turned.step(frame)
        guided.step(frame)
    assert turned.state()["null_start"][0] == turned.state()["position"][0] == 6
    assert guided.state()["null_start"][0] == 0
    turned.guidance = 2.0
    saved = turned.state()
    saved["k_0"][1] = saved["v_1"][1] = 1e3  # what the null row had is forgotten, whatever it was
    other = engine.open_session(guidance=2.0)
    other.load_state(saved)
    for frame in film[3:]:
        assert np.array_equal(turned.step(frame), other.step(frame))


def test_every_hop_of_a_crowd_arrives_in_order_with_the_probe() -> None:
    engine = Engine("probe")
    sessions = [engine.open_session(seed=seed, shared=True) for seed in range(4)]
    black = np.zeros((32, 32, 3), np.uint8)
    heard = np.concatenate(
        [np.stack(step_together([Step(session, black) for session in sessions]), axis=1) for _ in range(20)]
    )
    for index in range(4):
        assert [number for _, number in read_hops(heard[:, index])] == list(range(20))


@pytest.mark.parametrize("is_shared", [False, True])
def test_the_rings_never_move_and_a_hop_writes_two_slots(is_shared: bool) -> None:
    engine, film = Engine(small_bundle()), moving_pictures(HOPS)
    session = engine.open_session(shared=is_shared)
    rings = {name: array for name, array in session._state.items() if name[:2] in ("k_", "v_")}
    places = {name: array.ctypes.data for name, array in rings.items()}
    for frame in film:
        before = {name: ring.copy() for name, ring in rings.items()}
        position = session.state()["position"][0]
        session.step(frame)
        for name, ring in rings.items():
            assert session._state[name].ctypes.data == places[name]
            slots = np.flatnonzero(np.any(ring != before[name], axis=(0, 1, 3)))
            assert {int(slot) for slot in slots} == {int(p) % ring.shape[2] for p in (position, position + 1)}
