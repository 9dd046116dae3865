"""State is a value: saved, loaded, reset, compared; settings change while a session runs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sr_runtime.engine.session import Engine, Session
from sr_runtime.errors import ConfigError, SessionError
from tests.small_model import moving_pictures, small_bundle


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(small_bundle("int8"))


def play(session: Session, hops: int, seed: int = 0) -> np.ndarray:
    return np.concatenate([session.step(picture) for picture in moving_pictures(hops, seed)])


@pytest.mark.parametrize("is_prepared", [False, True])
def test_a_loaded_state_goes_on_bit_identically(engine: Engine, is_prepared: bool, tmp_path: Path) -> None:
    session = engine.open_session(seed=3)
    play(session, 9)
    if is_prepared:
        session.prepare()
    np.savez(tmp_path / "state.npz", **session.state())
    expected = play(session, 6, seed=1)
    other = engine.open_session(seed=3)
    with np.load(tmp_path / "state.npz") as saved:
        other.load_state(dict(saved))
    assert other.hop == 9
    assert np.array_equal(play(other, 6, seed=1), expected)


def test_a_loaded_state_repeats_the_last_frame(engine: Engine) -> None:
    session, other = engine.open_session(), engine.open_session()
    play(session, 3)
    other.load_state(session.state())
    assert np.array_equal(other.step(None), session.step(None))


def test_after_a_cut_the_past_pictures_are_forgotten(engine: Engine) -> None:
    first, second = moving_pictures(2, seed=1)[0], moving_pictures(2, seed=2)[0]
    new = moving_pictures(1, seed=3)[0]
    sessions = [engine.open_session(seed=5) for _ in range(2)]
    start = sessions[0].state()
    heard = []
    for session, past in zip(sessions, (first, second), strict=True):
        session.step(past)
        # The same memory but for the picture: what differs now is the difference to it alone.
        state = session.state()
        session.load_state({**start, **{key: state[key] for key in ("image", "prev_grid", "has_frame")}})
        heard.append((session.step(new, is_cut=True), session.state()["prev_grid"]))
    assert np.array_equal(heard[0][0], heard[1][0])
    assert np.array_equal(heard[0][1], heard[1][1])


def test_state_is_what_the_manifest_describes(engine: Engine) -> None:
    session = engine.open_session()
    play(session, 2)
    described = {spec.name: (spec.shape, spec.dtype) for spec in engine.bundle.manifest.state}
    assert {name: (a.shape, a.dtype.name) for name, a in session.state().items()} == described


def test_state_is_a_copy(engine: Engine) -> None:
    session = engine.open_session()
    play(session, 2)
    before = session.state()
    kept = {name: array.copy() for name, array in before.items()}
    play(session, 2)
    assert all(np.array_equal(before[name], kept[name]) for name in before)


def test_a_reset_session_sounds_like_a_new_one(engine: Engine) -> None:
    session = engine.open_session(seed=4)
    first = play(session, 8)
    session.reset()
    assert session.hop == 0
    assert np.array_equal(play(session, 8), first)


def test_a_foreign_state_is_refused(engine: Engine) -> None:
    session = engine.open_session()
    state = session.state()
    with pytest.raises(SessionError, match=r"state\.hop: expected int64 \(1,\)"):
        session.load_state({**state, "hop": np.zeros(2, np.int64)})
    del state["k_0"]
    with pytest.raises(SessionError, match="k_0"):
        session.load_state(state)


def test_the_same_seed_gives_the_same_sound_and_another_seed_another(engine: Engine) -> None:
    first, second, other = (play(engine.open_session(seed=seed), 6) for seed in (7, 7, 8))
    assert np.array_equal(first, second)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize(("name", "value"), [("guidance", 1.0), ("nfe", 4), ("seed", 99)])
def test_settings_change_while_running(engine: Engine, name: str, value: float) -> None:
    steady, turned = engine.open_session(seed=1), engine.open_session(seed=1)
    pictures = moving_pictures(8)
    for hop, picture in enumerate(pictures):
        if hop == 4:
            setattr(turned, name, value)
        same = np.array_equal(steady.step(picture), turned.step(picture))
        assert same == (hop < 4)
    assert getattr(turned, name) == value


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("nfe", 5, r"nfe: .* 1, 2, 3, 4, got 5"),
        ("guidance", -1.0, "guidance: expected 0–20, got -1"),
        ("guidance", float("nan"), "guidance: expected 0–20, got nan"),
        ("seed", -1, "seed: expected"),
    ],
)
def test_a_setting_out_of_range_is_refused_and_changes_nothing(
    engine: Engine, name: str, value: float, message: str
) -> None:
    session = engine.open_session()
    before = session.settings
    with pytest.raises(ConfigError, match=message):
        setattr(session, name, value)
    assert session.settings is before


def test_guidance_one_is_the_conditional_row_itself(engine: Engine) -> None:
    picture = moving_pictures(1)[0]
    silent_null = engine.open_session(guidance=1.0)
    silent_null._null_token = np.random.default_rng(0).standard_normal((1, 1, 48)).astype(np.float32)
    # The two rows differ in the null token only, and ω = 1 takes nothing from the null row.
    a, b = engine.open_session(guidance=1.0).step(picture), silent_null.step(picture)
    np.testing.assert_allclose(a, b, atol=2e-2 * np.abs(a).max())


def test_before_the_first_frame_there_is_silence_and_no_trace(engine: Engine) -> None:
    waiting, fresh = engine.open_session(), engine.open_session()
    for _ in range(3):
        assert not waiting.step(None).any()
    assert waiting.hop == 0
    picture = moving_pictures(1)[0]
    assert np.array_equal(waiting.step(picture), fresh.step(picture))


def test_a_frame_of_any_size_is_taken_and_other_things_are_refused(engine: Engine) -> None:
    session = engine.open_session()
    assert session.step(np.zeros((123, 77, 3), np.uint8)).shape == (1600, 2)
    for wrong in (
        np.zeros((8, 8, 4), np.uint8),
        np.zeros((8, 8, 3), np.float32),
        np.zeros((0, 8, 3), np.uint8),
    ):
        with pytest.raises(SessionError, match="frame: expected uint8"):
            session.step(wrong)


def test_timings_add_up(engine: Engine) -> None:
    session = engine.open_session()
    session.step(moving_pictures(1)[0])
    t = session.timings
    parts = t.vision_ms + t.transformer_ms + t.head_ms + t.decoder_ms
    assert t.hop_ms == pytest.approx(parts, rel=1e-6)
    assert 0 < t.after_frame_ms < t.hop_ms
