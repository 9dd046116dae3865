"""The autoencoder ceiling: the bundle's encoder and decoder give what torch gives."""

from __future__ import annotations

import numpy as np
import torch

from sr_runtime.engine.session import Engine
from sr_runtime.evaluate.reconstruct import can_reconstruct, reconstruct
from tests.small_model import small_bundle, small_networks
from tests.unit.game_sounds import bursts


def test_reconstruction_equals_the_autoencoder_in_torch():
    engine = Engine(small_bundle())
    # Above the dither: in digital silence the encoder's logarithms would magnify it.
    sound = bursts([0.2, 1.1], 1.6) + 0.01 * np.random.default_rng(0).standard_normal((76_800, 2), np.float32)
    vae = small_networks().vae.eval()
    with torch.no_grad():
        mean, _ = vae.encode(torch.from_numpy(sound.T[None].copy()))
        expected = vae.decode(mean)[0].T.numpy()
    error = reconstruct(engine, sound) - expected
    assert np.square(error).mean() < 1e-3 * np.square(expected).mean()  # 30 dB below the sound


def test_digital_silence_has_a_finite_reconstruction():
    silence = np.zeros((3 * 1600, 2), np.float32)
    assert np.isfinite(reconstruct(Engine(small_bundle()), silence)).all()


def test_bundle_without_encoder_cannot_reconstruct():
    assert not can_reconstruct(Engine("probe"))
