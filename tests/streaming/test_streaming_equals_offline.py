"""What a session streams is what torch computes over whole sequences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.signal import lfilter

from sr_runtime.engine.noise import philox_normal
from sr_runtime.engine.safety import _POLES, _ZEROS
from sr_runtime.engine.session import Engine, Session
from sr_runtime.evaluate.reconstruct import reconstruct
from sr_runtime.model.difference import sequence_differences
from sr_runtime.model.edm import CONSISTENCY_TIMES, consistency_sample, heun_sample, karras_times
from sr_runtime.model.generator import guide
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


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def stream(session: Session, pictures: list[Frame | None]) -> tuple[np.ndarray, np.ndarray]:
    """Return the latents (hops, 64) and the sound (hops · 1600, 2)."""
    latents: list[np.ndarray] = []
    sample = session._head.sample
    session._head.sample = lambda *arguments: latents.append(sample(*arguments)) or latents[-1]
    audio = [session.step(picture) for picture in pictures]
    return np.concatenate(latents), np.concatenate(audio)


def offline_latents(pictures: list[Frame], latents: np.ndarray, sampler: str, nfe: int) -> torch.Tensor:
    """Return what torch draws at every hop, teacher-forced with the session's own latents."""
    networks = small_networks()
    generator = networks.generator
    images = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        grids = generator.pca(networks.backbone(images))[None]
        history = torch.from_numpy(latents)[None]
        differences = sequence_differences(grids)
        seen = generator.condition(grids, differences, history)
        blind = generator.condition(grids, differences, history, drop=torch.tensor([True]))
        width = seen.shape[-1] // 2
        video = guide(seen[..., width:], blind[..., width:], GUIDANCE)
        z = torch.cat((seen[..., :width], video), dim=-1)[0]
        return torch.cat([draw(generator, z[hop : hop + 1], hop, sampler, nfe) for hop in range(len(z))])


def draw(generator: torch.nn.Module, z: torch.Tensor, hop: int, sampler: str, nfe: int) -> torch.Tensor:
    noises = [torch.from_numpy(philox_normal(SEED, hop, index, 64)) for index in range(nfe)]

    def denoise(x: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return generator.head(x, sigma, z)

    if sampler == "heun":
        return heun_sample(denoise, noises[0], karras_times((nfe + 1) // 2))
    return consistency_sample(denoise, noises, CONSISTENCY_TIMES[nfe])


@pytest.mark.parametrize(("sampler", "nfe"), [("consistency", 1), ("consistency", 4), ("heun", 31)])
def test_session_draws_the_latents_that_torch_draws_offline(engine: Engine, sampler: str, nfe: int) -> None:
    session = engine.open_session(seed=SEED, guidance=GUIDANCE, nfe=nfe, sampler=sampler)
    pictures = moving_pictures(HOPS)
    latents, _ = stream(session, list(pictures))
    assert relative(latents, offline_latents(pictures, latents, sampler, nfe).numpy()) < TOLERANCE


@pytest.mark.parametrize("chunk", [1, 3, 7, HOPS])
def test_session_decodes_the_sound_that_torch_decodes_in_chunks(engine: Engine, chunk: int) -> None:
    latents, audio = stream(engine.open_session(seed=SEED), list(moving_pictures(HOPS)))
    vae = small_networks().vae
    state, waves = vae.initial_decoder_state(1), []
    with torch.no_grad():
        for start in range(0, HOPS, chunk):
            part = torch.from_numpy(latents[start : start + chunk]).T[None]
            wave, state = vae.decode_step(vae.denormalise(part), state)
            waves.append(wave[0].T.numpy())
    expected = lfilter(_ZEROS, _POLES, np.concatenate(waves), axis=0)
    assert relative(audio, expected) < TOLERANCE


def test_a_repeated_frame_is_the_same_picture_with_no_difference(engine: Engine) -> None:
    pictures = moving_pictures(HOPS)
    shown: list[Frame | None] = [None if hop % 3 == 2 else pictures[hop] for hop in range(HOPS)]
    held = [pictures[hop - 1] if hop % 3 == 2 else pictures[hop] for hop in range(HOPS)]
    session = engine.open_session(seed=SEED, guidance=GUIDANCE, nfe=2)
    latents, _ = stream(session, shown)
    assert session.counters.repeated_frames == HOPS // 3
    assert relative(latents, offline_latents(held, latents, "consistency", 2).numpy()) < TOLERANCE


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
    assert relative(reconstruct(engine, audio), expected) < 0.02
