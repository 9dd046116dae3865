"""Whatever the network computes, what leaves a session is sound."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from scipy.signal import lfilter

from sr_runtime.engine.bundle import StateSpec
from sr_runtime.engine.probe import read_hops
from sr_runtime.engine.safety import DC_POLES, DC_ZEROS, OutputGuard
from sr_runtime.engine.session import Engine, Session
from sr_runtime.export import probe
from sr_runtime.export.writer import session_state, write_bundle

BLACK = np.zeros((32, 32, 3), np.uint8)
WHITE = np.full((32, 32, 3), 255, np.uint8)


def poisoned_head(limit: float) -> onnx.ModelProto:
    """Return a head whose latent is log(limit − brightness): not a number for bright pictures."""
    g = probe.GraphBuilder()
    poison = g.node("Log", g.node("Sub", g.constant(limit), g.pick("modulation", 0, 1)))
    rest = g.node("Mul", g.pick("x_t", 1, probe.LATENT), g.constant(0.0))
    g.node("Concat", poison, rest, axis=1, name="denoised")
    g.shape(g.pick("denoised", 0, 4), -1, 1, 4, name="audio_token")
    latent: tuple[tuple[int, ...], str] = ((probe.LATENT,), "float32")
    inputs: list[probe.Port] = [("x_t", *latent), ("sigma", (), "float32"), ("modulation", (2,), "float32")]
    return g.model(inputs, [("denoised", *latent), ("audio_token", (1, 4), "float32")])


def loud_decoder() -> onnx.ModelProto:
    """Return a decoder that is 100 times too loud for latents below −1."""
    g = probe.GraphBuilder()
    first = g.shape(g.pick("latent", 0, 1), -1, 1, 1)
    gain = g.node("Where", g.node("Less", first, g.constant(-1.0)), *_two(g, 100.0, 0.1))
    g.node("Mul", g.constant(np.ones((1, 1600, 2))), gain, name="audio")
    g.node("Identity", "probe_hop", name="probe_hop_new")
    g.node("Identity", "probe_wait", name="probe_wait_new")
    count: tuple[tuple[int, ...], str] = ((), "int64")
    inputs: list[probe.Port] = [("latent", (64,), "float32"), ("probe_hop", *count), ("probe_wait", *count)]
    outputs: list[probe.Port] = [("audio", (1600, 2), "float32")]
    return g.model(inputs, [*outputs, ("probe_hop_new", *count), ("probe_wait_new", *count)])


def _two(g: probe.GraphBuilder, first: float, second: float) -> tuple[str, str]:
    return g.constant(first), g.constant(second)


def open_poisoned(folder: Path, decoder: onnx.ModelProto) -> Session:
    counters = (StateSpec("probe_hop", (1,), "int64"), StateSpec("probe_wait", (1,), "int64"))
    graphs = {
        "vision": probe.vision_graph(),
        "transformer": probe.transformer_graph(),
        "condition": probe.condition_graph(),
        "head": poisoned_head(0.9),
        "decoder": decoder,
    }
    zeros = np.zeros((1, 1, 4), np.float32)
    facts = {
        "name": "poisoned",
        "description": "Breaks on bright pictures.",
        "licence": "Apache-2.0",
        "precision": "fp32",
        "image": probe.IMAGE,
        "latent_size": probe.LATENT,
        "transformer": probe.TRANSFORMER,
        "sampling": probe.SamplingSpec(guidance=1.0),
        "state": session_state(probe.IMAGE, (1, 1, 1, 1), probe.TRANSFORMER, counters),
    }
    write_bundle(folder, graphs, {"bos": zeros, "null_token": zeros}, facts)
    return Engine(folder).open_session()


def test_a_hop_that_is_not_finite_becomes_silence_and_the_session_starts_over(tmp_path: Path) -> None:
    session = open_poisoned(tmp_path / "bundle", probe.decoder_graph())
    before = [session.step(BLACK) for _ in range(4)]
    broken = session.step(WHITE)
    after = [session.step(BLACK) for _ in range(4)]
    assert np.isfinite(broken).all()
    assert not broken[240:].any()
    assert session.counters.resets_after_nan == 1
    assert session.hop == 9, "the hop's number goes on, so that the noise does not repeat"
    assert [number for _, number in read_hops(np.concatenate(before))] == [0, 1, 2, 3]
    assert [number for _, number in read_hops(np.concatenate(after))] == [0, 1, 2, 3]


def test_an_endlessly_broken_network_is_endlessly_silent(tmp_path: Path) -> None:
    session = open_poisoned(tmp_path / "bundle", probe.decoder_graph())
    audio = np.concatenate([session.step(WHITE) for _ in range(5)])
    assert not audio.any()
    assert session.counters.resets_after_nan == 5


def test_absurdly_loud_sound_is_silenced_with_a_fade(tmp_path: Path) -> None:
    session = open_poisoned(tmp_path / "bundle", loud_decoder())
    quiet = session.step(BLACK)
    loud = session.step(np.full((32, 32, 3), 200, np.uint8))
    assert session.counters.resets_after_nan == 1
    assert np.abs(loud).max() <= np.abs(quiet[-1]).max()
    assert np.abs(np.diff(np.concatenate([quiet[-1:], loud]), axis=0)).max() < 0.001, "no click"


@pytest.mark.parametrize("offset", [0.3, -1.0])
def test_dc_is_gone_within_a_quarter_of_a_second(offset: float) -> None:
    state = {"dc_block": np.zeros((1, 2)), "last_sample": np.zeros(2, np.float32)}
    guard = OutputGuard(state)
    hops = [guard.clean(np.full((1600, 2), offset, np.float32)) for _ in range(8)]
    assert np.abs(hops[-1]).max() < 0.001


def test_endless_silence_leaves_no_denormals_behind() -> None:
    state = {"dc_block": np.full((1, 2), 0.5), "last_sample": np.zeros(2, np.float32)}
    guard = OutputGuard(state)
    for _ in range(60):
        guard.clean(np.zeros((1600, 2), np.float32))
    assert not state["dc_block"].any()


def test_the_sum_over_a_hop_is_the_filter_over_the_whole_sound() -> None:
    sound = np.random.default_rng(0).standard_normal((8000, 2)).astype(np.float32) + 0.5
    guard = OutputGuard({"dc_block": np.zeros((1, 2)), "last_sample": np.zeros(2, np.float32)})
    hops = [guard.clean(hop) for hop in np.split(sound, 5)]
    whole = lfilter(DC_ZEROS, DC_POLES, sound, axis=0)
    np.testing.assert_allclose(np.concatenate(hops), whole, rtol=0, atol=1e-6)
