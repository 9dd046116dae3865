"""Generating with the networks in training: the same as a session's, row by row, whatever stands beside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from experiments.turning import Turning, told_by
from sr_runtime.engine.noise import philox_normal
from sr_runtime.engine.session import Engine
from sr_runtime.export.gate import stream
from sr_runtime.model.difference import sequence_differences
from sr_runtime.model.edm import CONSISTENCY_TIMES, karras_times
from sr_runtime.model.generator import Generator
from sr_runtime.train.ring import Memory, RingTransformer
from sr_runtime.train.rollout import (
    Rollout,
    Sampling,
    generate_latents,
    hop_noise,
    roll_out,
    video_tokens,
)
from tests.small_model import moving_pictures, small_bundle, small_networks
from tests.training_material import TINY

HOPS = 24
TWO_STEPS = Sampling(guidance=2.0, consistency_times=CONSISTENCY_TIMES[2])


@pytest.fixture(scope="module")
def generator() -> Generator:
    torch.manual_seed(0)
    generator = Generator(TINY).eval()
    with torch.no_grad():
        # A new head answers c_skip·x whatever z is; a wild one makes rounding errors grow from hop to hop.
        generator.diffusion_head.out.weight.normal_(std=0.02)
        generator.diffusion_head.modulation.weight.normal_(std=0.05)
        # New queries and keys are so small that every token weighs alike, wherever it stands.
        for layer in generator.transformer.layers:
            layer.attention.qkv.weight.mul_(20.0)
            layer.attention.output.weight.mul_(20.0)
    return generator


@pytest.fixture(scope="module")
def grids() -> torch.Tensor:
    vision = TINY.vision
    return torch.randn(3, HOPS, vision.channels, *vision.grid_shape, generator=torch.manual_seed(1))


@pytest.mark.parametrize(("sampler", "nfe"), [("consistency", 2), ("heun", 15)])
def test_it_draws_what_a_session_draws(sampler: str, nfe: int) -> None:
    networks = small_networks()
    session = Engine(small_bundle("fp32")).open_session(seed=7, guidance=2.0, nfe=nfe, sampler=sampler)
    pictures = moving_pictures(HOPS)
    expected, _ = stream(session, list(pictures))
    with torch.no_grad():
        images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
        grids = networks.generator.pca(networks.backbone(images))[None]
    times = session.settings.sigmas
    sampling = (
        Sampling(2.0, consistency_times=times)
        if sampler == "consistency"
        else Sampling(2.0, heun_times=[*times, 0.0])
    )
    assert networks.steering is not None
    turning = Turning(networks.steering, told_by(networks.steering, grids[0])[None])
    video = video_tokens(networks.generator.eval(), grids)
    found = roll_out(networks.generator, video, [7], sampling, change=turning)[0].numpy()
    assert 0.1 < turning.share < 0.9, "both what is turned and what is not should be compared"
    # Both go on from their own latents, so rounding adds up: 2e-7 measured after 24 hops.
    assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


def test_a_row_does_not_depend_on_its_neighbours(generator: Generator, grids: torch.Tensor) -> None:
    together = generate_latents(generator, grids, [3, 4, 5], TWO_STEPS)
    for row, seed in enumerate((3, 4, 5)):
        alone = generate_latents(generator, grids[row : row + 1], [seed], TWO_STEPS)
        torch.testing.assert_close(together[row : row + 1], alone, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(together[0], generate_latents(generator, grids[:1], [9], TWO_STEPS)[0])


def test_without_noise_all_seeds_sound_alike(generator: Generator, grids: torch.Tensor) -> None:
    cold = Sampling(1.5, consistency_times=(80.0, 0.8), temperature=0.0)
    pictures = grids[:1].expand(2, -1, -1, -1, -1)
    first, second = generate_latents(generator, pictures, [0, 1], cold)
    warm = generate_latents(generator, pictures, [0, 1], replace(cold, temperature=1.0))
    torch.testing.assert_close(first, second)
    assert not torch.allclose(warm[0], warm[1])


def test_correlated_noise_fades_and_uncorrelated_is_a_sessions() -> None:
    hops = np.concatenate([hop_noise(3, hop, 1, 64, 0.5) for hop in range(2000)])
    assert hops.std() == pytest.approx(1.0, abs=0.02)
    for lag in (1, 2, 3):
        assert (hops[lag:] * hops[:-lag]).mean() == pytest.approx(0.5**lag, abs=0.02)
    assert np.array_equal(hop_noise(3, 7, 1, 64, 0.0), philox_normal(3, 7, 1, 64))


def test_pictures_after_a_hop_do_not_change_it(generator: Generator, grids: torch.Tensor) -> None:
    changed = grids.clone()
    changed[:, 10:] += 1.0
    before, after = (generate_latents(generator, seen, [0, 1, 2], TWO_STEPS) for seen in (grids, changed))
    assert torch.equal(before[:, :10], after[:, :10])
    assert not torch.allclose(before[:, 10], after[:, 10])


def test_tokens_of_a_long_clip_are_made_in_parts_that_join(
    generator: Generator, grids: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sr_runtime.train.rollout.PICTURES", 7)
    with torch.no_grad():
        differences = sequence_differences(grids).flatten(0, 1)
        whole = generator.vision_token(grids.flatten(0, 1), differences).reshape(3, HOPS, -1)
    torch.testing.assert_close(video_tokens(generator, grids), whole)


def test_shared_history_differs_only_by_guidance(generator: Generator, grids: torch.Tensor) -> None:
    own, shared = (replace(TWO_STEPS, shared_history=flag) for flag in (False, True))
    seeds, video = [0, 1, 2], video_tokens(generator, grids)
    assert not torch.allclose(
        roll_out(generator, video, seeds, own), roll_out(generator, video, seeds, shared)
    )
    unguided = [roll_out(generator, video, seeds, replace(way, guidance=1.0)) for way in (own, shared)]
    torch.testing.assert_close(*unguided, rtol=1e-3, atol=1e-4)


def test_half_precision_stays_near_single(generator: Generator, grids: torch.Tensor) -> None:
    heun = Sampling(1.5, heun_times=karras_times(4))
    exact = generate_latents(generator, grids, [0, 1, 2], heun)
    rough = generate_latents(generator, grids, [0, 1, 2], replace(heun, autocast=True))
    assert rough.dtype == torch.float32
    assert float((rough[:, :4] - exact[:, :4]).abs().mean()) < 0.05 * float(exact.abs().mean())


def test_a_saved_rollout_goes_on_as_if_unbroken(generator: Generator, grids: torch.Tensor) -> None:
    video, sampling = video_tokens(generator, grids), replace(TWO_STEPS, memory=Memory(sinks=2))
    whole = roll_out(generator, video, [0, 1, 2], sampling)
    first, then = (Rollout(generator, [0, 1, 2], sampling) for _ in range(2))
    before = first.advance(video[:, :15])
    then.load_state(first.state())
    assert torch.equal(torch.cat((before, then.advance(video[:, 15:])), dim=1), whole)


def last_output(generator: Generator, tokens: torch.Tensor, memory: Memory) -> torch.Tensor:
    ring = RingTransformer(generator, len(tokens), memory)
    with torch.no_grad():
        return [ring.step(tokens[:, index]) for index in range(tokens.shape[1])][-1]


def test_sinks_stand_just_before_the_oldest_token_of_the_ring(generator: Generator) -> None:
    width, ring, sinks, length = TINY.transformer.width, 10, 2, 25
    tokens = torch.randn(1, length, width, generator=torch.manual_seed(2))
    # One layer: a key depends on its own token alone, so the ring equals this short sequence.
    kept = torch.cat((tokens[:, :sinks], tokens[:, length - (ring - sinks) :]), dim=1)
    assert kept.shape[1] == ring
    with torch.no_grad():
        expected = generator.transformer(kept)[:, -1]
    found = last_output(generator, tokens, Memory(tokens=ring, sinks=sinks))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("extension", ["pi", "ntk"])
def test_stretched_positions_are_those_of_the_offline_pass(generator: Generator, extension: str) -> None:
    window = TINY.transformer.window
    assert window is not None
    tokens = torch.randn(1, window, TINY.transformer.width, generator=torch.manual_seed(3))
    with torch.no_grad():
        expected = generator.transformer(tokens, extension=extension, factor=2.0)[:, -1]
    found = last_output(generator, tokens, Memory(tokens=2 * window, extension=extension, factor=2.0))
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(found, last_output(generator, tokens, Memory()), atol=1e-5)
