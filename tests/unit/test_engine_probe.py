"""The probe bundle says where every hop and every flash ends up, and its reader understands it."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from sr_runtime.engine.bundle import load_bundle
from sr_runtime.engine.probe import CLICK_SAMPLE, HOP_NUMBERS, find_clicks, read_hops
from sr_runtime.engine.session import Engine, Session
from sr_runtime.export import probe as exporter
from sr_runtime.types import HOP_SAMPLES, Frame


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine("probe")


def picture(brightness: float) -> Frame:
    return np.full((24, 40, 3), round(255 * brightness), np.uint8)


def record(session: Session, brightness: list[float]) -> np.ndarray:
    return np.concatenate([session.step(picture(value)) for value in brightness])


def start_at(engine: Engine, number: int) -> Session:
    session = engine.open_session()
    state = session.state()
    state["probe_hop"][0] = number
    session.load_state(state)
    return session


@given(number=st.integers(0, HOP_NUMBERS - 4))
@settings(max_examples=25, deadline=None)
def test_every_hop_number_is_read_back(engine: Engine, number: int) -> None:
    hops = read_hops(record(start_at(engine, number), [0.5] * 3))
    assert [told for _, told in hops] == [number, number + 1, number + 2]
    assert [sample for sample, _ in hops] == pytest.approx([0, 1600, 3200], abs=3)


def test_numbers_start_over_after_32768(engine: Engine) -> None:
    audio = record(start_at(engine, HOP_NUMBERS - 1), [0.5] * 2)
    assert [number for _, number in read_hops(audio)] == [HOP_NUMBERS - 1, 0]


def test_a_step_of_brightness_clicks_once_at_a_known_sample(engine: Engine) -> None:
    levels = [1.0] * 5 + [0.0] * 5 + [0.6] * 5 + [0.5] * 5
    assert find_clicks(record(engine.open_session(), levels)) == [
        5 * HOP_SAMPLES + CLICK_SAMPLE,
        10 * HOP_SAMPLES + CLICK_SAMPLE,
    ]


def test_a_flash_of_one_frame_clicks_once(engine: Engine) -> None:
    audio = record(engine.open_session(), [0.0] * 4 + [1.0] + [0.0] * 6)
    assert find_clicks(audio) == [4 * HOP_SAMPLES + CLICK_SAMPLE]


def test_a_repeated_frame_does_not_click_again(engine: Engine) -> None:
    session = engine.open_session()
    shown: list[Frame | None] = [picture(0.0), None, picture(1.0), None, None, None, None, None]
    audio = np.concatenate([session.step(frame) for frame in shown])
    assert find_clicks(audio) == [2 * HOP_SAMPLES + CLICK_SAMPLE]


def test_a_slow_fade_does_not_click(engine: Engine) -> None:
    assert find_clicks(record(engine.open_session(), list(np.linspace(0, 1, 12)))) == []


def test_without_guidance_there_are_no_clicks(engine: Engine) -> None:
    assert find_clicks(record(engine.open_session(guidance=0.0), [0.0, 0.0, 1.0, 1.0])) == []


@pytest.mark.parametrize("rate", [0.993, 1.0, 1.007])
@pytest.mark.parametrize("gain", [0.02, 1.0])
def test_a_resampled_recording_at_any_level_is_read(engine: Engine, rate: float, gain: float) -> None:
    audio = record(engine.open_session(), [0.0] * 10 + [1.0] * 10) * gain
    audio = soxr.resample(audio, 48_000, 48_000 * rate)
    hops = read_hops(audio)
    assert [number for _, number in hops] == list(range(20))
    assert max(abs(sample - number * HOP_SAMPLES * rate) for sample, number in hops) <= 3
    assert [round(click / rate) for click in find_clicks(audio)] == pytest.approx([16_060], abs=3)


def test_a_recording_at_44100_hz_is_read(engine: Engine) -> None:
    audio = soxr.resample(record(engine.open_session(), [0.0] * 5 + [1.0] * 5), 48_000, 44_100)
    assert [number for _, number in read_hops(audio, 44_100)] == list(range(10))
    assert find_clicks(audio, 44_100) == pytest.approx([8060 * 44_100 / 48_000], abs=3)


def test_lost_and_damaged_hops_are_left_out(engine: Engine) -> None:
    audio = record(engine.open_session(), [0.5] * 12)
    audio[2 * 1600 : 4 * 1600] = 0.0
    audio[7 * 1600 + 700 : 7 * 1600 + 1000] = 0.0
    assert [number for _, number in read_hops(audio)] == [0, 1, 4, 5, 6, 8, 9, 10, 11]


def test_silence_noise_and_nothing_hold_no_hops_and_no_clicks() -> None:
    noise = np.random.default_rng(0).standard_normal((16_000, 2)).astype(np.float32) * 0.01
    for audio in (np.zeros((0, 2), np.float32), np.zeros((16_000, 2), np.float32), noise):
        assert read_hops(audio) == []
        assert find_clicks(audio) == []


def test_left_is_louder_than_right_and_the_seed_moves_it(engine: Engine) -> None:
    first, second = (engine.open_session(seed=seed).step(picture(0.5)) for seed in (1, 2))
    for audio in (first, second):
        left, right = np.sqrt((audio**2).mean(axis=0))
        assert 0.4 * left < right < 0.95 * left
    assert not np.array_equal(first, second)


def test_the_shipped_probe_is_what_the_code_builds() -> None:
    shipped = load_bundle("probe")
    built = {
        "vision": exporter.vision_graph(),
        "transformer": exporter.transformer_graph(),
        "head": exporter.head_graph(),
        "decoder": exporter.decoder_graph(),
    }
    for name, model in built.items():
        assert shipped.graph_path(name).read_bytes() == model.SerializeToString(), (
            f"{name} is out of date: run python -m sr_runtime.export.probe"
        )
