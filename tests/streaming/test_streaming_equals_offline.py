"""What a session streams is what torch computes over whole sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sr_runtime.engine.session import Engine
from sr_runtime.evaluate.reconstruct import reconstruct
from sr_runtime.export.gate import offline_latents, offline_sound, relative_error, stream
from sr_runtime.types import Frame
from tests.small_model import WINDOW, moving_pictures, small_bundle, small_networks

HOPS = 24
SEED = 5
GUIDANCE = 2.5
TOLERANCE = 1e-4

assert 2 * HOPS > 3 * WINDOW, "the ring must wrap several times"


@pytest.fixture(scope="module")
def engine() -> Engine:
    return Engine(small_bundle("fp32"))


@pytest.mark.parametrize(("sampler", "nfe"), [("consistency", 1), ("consistency", 4), ("heun", 31)])
def test_session_draws_the_latents_that_torch_draws_offline(engine: Engine, sampler: str, nfe: int) -> None:
    session = engine.open_session(seed=SEED, guidance=GUIDANCE, nfe=nfe, sampler=sampler)
    pictures = moving_pictures(HOPS)
    latents, _ = stream(session, list(pictures))
    expected = offline_latents(small_networks(), pictures, latents, session.settings)
    assert relative_error(latents, expected) < TOLERANCE


@pytest.mark.parametrize("chunk", [1, 3, 7, HOPS])
def test_session_decodes_the_sound_that_torch_decodes_in_chunks(engine: Engine, chunk: int) -> None:
    latents, audio = stream(engine.open_session(seed=SEED), list(moving_pictures(HOPS)))
    assert relative_error(audio, offline_sound(small_networks(), latents, chunk)) < TOLERANCE


def test_a_repeated_frame_is_the_same_picture_with_no_difference(engine: Engine) -> None:
    pictures = moving_pictures(HOPS)
    shown: list[Frame | None] = [None if hop % 3 == 2 else pictures[hop] for hop in range(HOPS)]
    held = [pictures[hop - 1] if hop % 3 == 2 else pictures[hop] for hop in range(HOPS)]
    session = engine.open_session(seed=SEED, guidance=GUIDANCE, nfe=2)
    latents, _ = stream(session, shown)
    assert session.counters.repeated_frames == HOPS // 3
    expected = offline_latents(small_networks(), held, latents, session.settings)
    assert relative_error(latents, expected) < TOLERANCE


def test_preparing_ahead_changes_nothing(engine: Engine) -> None:
    early, late = engine.open_session(seed=SEED), engine.open_session(seed=SEED)
    for picture in moving_pictures(8):
        early.prepare()
        early.prepare()
        assert np.array_equal(early.step(picture), late.step(picture))


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_sound_up_to_a_hop_is_bit_identical_when_later_frames_change(precision: str) -> None:
    engine = Engine(small_bundle(precision))  # type: ignore[arg-type]
    changed_at = 9
    pictures = moving_pictures(16)
    others = pictures[:changed_at] + moving_pictures(7, seed=99)
    first, second = engine.open_session(seed=SEED), engine.open_session(seed=SEED)
    pairs = [(first.step(a), second.step(b)) for a, b in zip(pictures, others, strict=True)]
    assert all(np.array_equal(a, b) for a, b in pairs[:changed_at])
    # Random weights look at the picture so little that int8 may round the first change away.
    assert not all(np.array_equal(a, b) for a, b in pairs[changed_at:])


def test_sessions_of_one_engine_do_not_disturb_each_other(engine: Engine) -> None:
    pictures = moving_pictures(10)
    alone = engine.open_session(seed=SEED)
    expected = [alone.step(picture) for picture in pictures]
    session, other = engine.open_session(seed=SEED), engine.open_session(seed=77)
    for picture, audio in zip(pictures, expected, strict=True):
        other.step(255 - picture)
        assert np.array_equal(session.step(picture), audio)


def test_encoder_and_decoder_reconstruct_what_torch_reconstructs(engine: Engine) -> None:
    audio = np.random.default_rng(3).standard_normal((5 * 1600, 2)).astype(np.float32) * 0.1
    vae = small_networks().vae
    with torch.no_grad():
        mean, _ = vae.encode(torch.from_numpy(audio.T[None]))
        expected = vae.decode(mean)[0].T.numpy()[: len(audio)]
    # The encoder takes logarithms of spectra, where nearly empty bins amplify rounding.
    assert relative_error(reconstruct(engine, audio), expected) < 0.02
