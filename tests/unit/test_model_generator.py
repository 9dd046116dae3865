"""The generator: teacher-forced equals incremental, causality, guidance, window, options."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from sr_runtime.model.attention import MASKED, window_mask, windowed_attention
from sr_runtime.model.generator import Generator, guide
from sr_runtime.model.presets import (
    AggregatorConfig,
    HeadConfig,
    ModelConfig,
    TransformerConfig,
    VAEConfig,
    VisionConfig,
)
from sr_runtime.model.rope import ntk_base, rotary_angles, rotate
from sr_runtime.model.transformer import KeyValue

FRAMES = 32

TINY = ModelConfig(
    name="tiny",
    vision=VisionConfig(backbone="efficientnet_lite0", width=64, height=64, pca=8),
    aggregator=AggregatorConfig(width=32, layers=2, heads=2, hidden=64, projection=16, kernel=2),
    transformer=TransformerConfig(
        width=32, layers=2, heads=4, kv_heads=2, head_dim=8, hidden=64, window=24, attention_dropout=0.0
    ),
    head=HeadConfig(width=32, blocks=2),
    vae=VAEConfig(kind="compact"),
)


def build(config: ModelConfig = TINY) -> Generator:
    torch.manual_seed(0)
    generator = Generator(config).eval()
    with torch.no_grad():
        for parameter in generator.parameters():
            # Zero-initialised modulations would hide wrong wiring.
            parameter.add_(0.05 * torch.randn_like(parameter))
    return generator


def clip(config: ModelConfig = TINY, batch: int = 2, frames: int = FRAMES) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(1)
    shape = (batch, frames, config.vision.channels, *config.vision.grid_shape)
    return torch.randn(shape), torch.randn(shape), 0.5 * torch.randn(batch, frames, config.vae.latent)


class Stream:
    """A session as the engine runs it: a ring of keys and values, one token at a time."""

    def __init__(self, generator: Generator, batch: int) -> None:
        self.transformer = generator.transformer
        self.cache = generator.transformer.empty_cache(batch)
        self.window = generator.config.transformer.cache_tokens
        self.mask = torch.full((1, self.window), MASKED)
        self.position = 0

    def append(self, token: Tensor) -> Tensor:
        config, slot = self.transformer.config, self.position % self.window
        cos, sin = rotary_angles(torch.tensor([self.position]), config.head_dim, config.rope_theta)
        self.mask[0, slot] = MASKED
        hidden, news = self.transformer.step(token, self.cache, cos, sin, self.mask)
        for ring, new in zip(self.cache, news, strict=True):
            ring.key[:, :, slot], ring.value[:, :, slot] = new.key[:, :, 0], new.value[:, :, 0]
        self.mask[0, slot] = 0.0
        self.position += 1
        return hidden


@torch.no_grad()
def stream(generator: Generator, grids: Tensor, differences: Tensor, latents: Tensor, drop: Tensor) -> Tensor:
    session, outputs = Stream(generator, len(grids)), []
    for hop in range(grids.shape[1]):
        bos = generator.bos_token().expand(len(grids), 1, -1)
        audio = bos if hop == 0 else generator.audio_token(latents[:, hop - 1 : hop])
        video = generator.vision_token(grids[:, hop], differences[:, hop])
        video = torch.where(drop[:, None], generator.null_token(), video)
        outputs.append(torch.cat((session.append(audio), session.append(video[:, None])), dim=-1))
    return torch.cat(outputs, dim=1)


@pytest.mark.parametrize("window", [24, None])
@torch.no_grad()
def test_teacher_forced_z_equals_incremental_z_through_ring_wraps(window: int | None) -> None:
    config = replace(TINY, transformer=replace(TINY.transformer, window=window, context=2 * FRAMES))
    generator, (grids, differences, latents) = build(config), clip(config)
    drop = torch.tensor([False, True])
    whole = generator.condition(grids, differences, latents, drop)
    hop_by_hop = stream(generator, grids, differences, latents, drop)
    assert whole.shape == (2, FRAMES, 2 * config.transformer.width)
    # 64 tokens through a ring of 24; measured 2e-6.
    torch.testing.assert_close(hop_by_hop, whole, atol=2e-5, rtol=1e-5)


@torch.no_grad()
def test_z_never_depends_on_later_frames_or_on_its_own_latent() -> None:
    generator, (grids, differences, latents) = build(), clip()
    before = generator.condition(grids, differences, latents)
    hop = 17
    grids[:, hop + 1 :] += 1.0
    differences[:, hop + 1 :] -= 1.0
    latents[:, hop:] += 1.0
    after = generator.condition(grids, differences, latents)
    assert torch.equal(before[:, : hop + 1], after[:, : hop + 1])
    assert not torch.allclose(before[:, hop + 1], after[:, hop + 1])


@torch.no_grad()
def test_z_depends_on_own_frame_in_its_second_half_only() -> None:
    generator, (grids, differences, latents) = build(), clip()
    before = generator.condition(grids, differences, latents)
    grids[:, 5] += 1.0
    after = generator.condition(grids, differences, latents)
    width = TINY.transformer.width
    assert torch.equal(before[:, 5, :width], after[:, 5, :width])
    assert not torch.allclose(before[:, 5, width:], after[:, 5, width:])


@torch.no_grad()
def test_what_left_the_window_of_every_layer_is_forgotten() -> None:
    generator, (grids, differences, latents) = build(), clip()
    before = generator.condition(grids, differences, latents)
    grids[:, 0] += 1.0
    after = generator.condition(grids, differences, latents)
    # Two layers of 24 tokens reach 46 tokens = 23 hops back.
    assert torch.equal(before[:, 26:], after[:, 26:])
    assert not torch.allclose(before[:, 10], after[:, 10])


@torch.no_grad()
def test_dropped_clip_ignores_its_video() -> None:
    generator, (grids, differences, latents) = build(), clip()
    drop = torch.tensor([True, False])
    one = generator.condition(grids, differences, latents, drop)
    other = generator.condition(torch.randn_like(grids), differences, latents, drop)
    assert torch.equal(one[0], other[0])
    assert not torch.allclose(one[1], other[1])


def test_guidance_of_one_is_the_conditional_row_exactly() -> None:
    conditional, null = torch.randn(4, 32), torch.randn(4, 32)
    assert torch.equal(guide(conditional, null, 1.0), conditional)
    torch.testing.assert_close(guide(conditional, null, 3.0), null + 3.0 * (conditional - null))


def test_chunked_attention_equals_one_masked_product() -> None:
    torch.manual_seed(0)
    query = torch.randn(1, 2, 3, 300, 8)
    key, value = torch.randn(1, 2, 300, 8), torch.randn(1, 2, 300, 8)
    mask = window_mask(300, 50)
    chunked = windowed_attention(query, key, value, mask, 50)
    whole = windowed_attention(query, key, value, mask, None)
    torch.testing.assert_close(chunked, whole, atol=1e-5, rtol=1e-5)


def test_window_mask_shows_itself_and_the_tokens_before() -> None:
    seen = window_mask(6, 3) == 0
    assert seen.sum(1).tolist() == [1, 2, 3, 3, 3, 3]
    assert seen[5].tolist() == [False, False, False, True, True, True]


def test_ntk_base_for_twice_the_length_is_20452() -> None:
    assert round(ntk_base(10_000.0, 2.0, 64)) == 20_452


def test_position_interpolation_halves_angles() -> None:
    cos, _ = rotary_angles(torch.tensor([10]), 8, 10_000.0, extension="pi", factor=2.0)
    plain, _ = rotary_angles(torch.tensor([5]), 8, 10_000.0)
    assert torch.equal(cos, plain)


def test_rotation_turns_adjacent_pairs_and_keeps_relative_positions() -> None:
    cos, sin = rotary_angles(torch.tensor([1, 7, 4, 10]), 8, 10_000.0)
    x = torch.randn(4, 8)
    turned = rotate(x, cos, sin)
    pair = torch.view_as_complex(x.reshape(4, 4, 2)) * torch.complex(cos, sin)
    torch.testing.assert_close(torch.view_as_real(pair).flatten(1), turned)
    query, key = torch.randn(8), torch.randn(8)
    products = [rotate(query, cos[i], sin[i]) @ rotate(key, cos[j], sin[j]) for i, j in ((1, 0), (3, 2))]
    torch.testing.assert_close(products[0], products[1])


def test_angles_stay_exact_after_days_of_positions() -> None:
    position = 30 * 60 * 60 * 24 * 7 * 2
    cos, sin = rotary_angles(torch.tensor([position, position + 1]), 64, 10_000.0)
    step = torch.atan2(sin[1], cos[1]) - torch.atan2(sin[0], cos[0])
    assert torch.cos(step[0] - 1.0) > 1 - 1e-6


def test_rows_of_a_step_do_not_disturb_each_other() -> None:
    generator = build()
    tokens = torch.randn(2, 1, 32)
    cache = [
        KeyValue(torch.randn_like(ring.key), torch.randn_like(ring.value))
        for ring in generator.transformer.empty_cache(2)
    ]
    cos, sin = rotary_angles(torch.tensor([3]), 8, 10_000.0)
    mask = torch.zeros(1, 24)
    both, _ = generator.transformer.step(tokens, cache, cos, sin, mask)
    alone, _ = generator.transformer.step(
        tokens[:1], [KeyValue(ring.key[:1], ring.value[:1]) for ring in cache], cos, sin, mask
    )
    torch.testing.assert_close(both[:1], alone, atol=1e-6, rtol=1e-5)


@torch.no_grad()
def test_writing_the_ring_in_place_is_the_delta_form() -> None:
    transformer = build().transformer
    delta, ring = transformer.empty_cache(2), transformer.empty_cache(2)
    mask = torch.full((2, 24), MASKED)
    for position in range(30):
        token, slot = torch.randn(2, 1, 32), position % 24
        cos, sin = rotary_angles(torch.tensor([position, position]), 8, 10_000.0)
        mask[:, slot] = MASKED
        wanted, news = transformer.step(token, delta, cos, sin, mask)
        for old, new in zip(delta, news, strict=True):
            old.key[:, :, slot], old.value[:, :, slot] = new.key[:, :, 0], new.value[:, :, 0]
        mask[:, slot] = 0.0
        got = transformer.append(token, ring, torch.tensor([slot, slot]), cos, sin, mask)
        torch.testing.assert_close(got, wanted, atol=1e-5, rtol=1e-5)
        for one, other in zip(ring, delta, strict=True):
            torch.testing.assert_close(one.key, other.key, atol=1e-5, rtol=1e-5)


def test_history_noise_acts_in_training_only() -> None:
    config = replace(TINY, transformer=replace(TINY.transformer, history_noise=0.5))
    generator, (_, _, latents) = build(config), clip()
    quiet = generator.history_tokens(latents)
    assert torch.equal(quiet, generator.history_tokens(latents))
    assert not torch.equal(quiet, generator.train().history_tokens(latents))


def test_deaf_clips_hear_noise_alone_and_others_all() -> None:
    config = replace(TINY, transformer=replace(TINY.transformer, deaf_share=0.5))
    generator = build(config).train()
    latents = torch.randn(1, 6, TINY.vae.latent).expand(64, -1, -1)
    with torch.no_grad():
        heard, tokens = generator.history_tokens(latents), generator.eval().history_tokens(latents)
    is_whole = torch.tensor([torch.equal(*pair) for pair in zip(heard, tokens, strict=True)])
    assert 16 < is_whole.sum() < 48
    deaf = heard[~is_whole]
    assert len(torch.unique(deaf.flatten(1), dim=0)) == len(deaf)
    assert abs(float(torch.corrcoef(torch.stack((deaf.flatten(), tokens[~is_whole].flatten())))[0, 1])) < 0.1


def test_type_embedding_can_be_off() -> None:
    config = replace(TINY, transformer=replace(TINY.transformer, type_embedding=False))
    generator = Generator(config)
    assert not generator.types.requires_grad
    assert not generator.types.any()


@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("positions", ["learned", "sincos"])
@pytest.mark.parametrize("size", [64, 80])
def test_tokenizer_takes_even_and_odd_grids(kernel: int, positions: str, size: int) -> None:
    config = replace(
        TINY,
        vision=replace(TINY.vision, width=size),
        aggregator=replace(TINY.aggregator, kernel=kernel, positions=positions),
    )
    generator, (grids, differences, _) = build(config), clip(config, frames=1)
    assert generator.vision_token(grids[:, 0], differences[:, 0]).shape == (2, 32)


def test_stochastic_depth_and_dropout_leave_evaluation_alone() -> None:
    config = replace(TINY, transformer=replace(TINY.transformer, stochastic_depth=0.9))
    generator, (grids, differences, latents) = build(config), clip()
    first = generator.condition(grids, differences, latents)
    assert torch.equal(first, generator.condition(grids, differences, latents))
    generator.train()
    assert not torch.equal(first, generator.condition(grids, differences, latents))


def test_training_gradients_reach_every_parameter_but_the_unused() -> None:
    generator, (grids, differences, latents) = build().train(), clip()
    z = generator.condition(grids, differences, latents, torch.tensor([True, False]))
    sigma = torch.full((2 * FRAMES,), 0.5)
    denoised = generator.head(latents.reshape(-1, 64), sigma, z.flatten(0, 1))
    (denoised.square().mean() + generator.uncertainty(sigma).mean()).backward()
    silent = [name for name, p in generator.named_parameters() if p.requires_grad and p.grad is None]
    assert silent == []
