"""The gate that every export passes: what a session streams is what torch computes over the whole sequence.

Called by the exporter on the fp32 graphs (int8 graphs are judged by their sound), and by the streaming tests.
Thread: any.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from scipy.signal import lfilter
from torch import Tensor

from sr_runtime.engine.bundle import Bundle
from sr_runtime.engine.noise import philox_normal
from sr_runtime.engine.safety import DC_POLES, DC_ZEROS
from sr_runtime.engine.session import Engine, Session
from sr_runtime.engine.settings import SamplingSettings
from sr_runtime.export.source import Networks
from sr_runtime.model.difference import sequence_differences
from sr_runtime.model.edm import consistency_sample, heun_sample
from sr_runtime.model.generator import guide
from sr_runtime.types import Audio, Frame

GATE_HOPS = 12

Latents = npt.NDArray[np.float32]


def streaming_error(networks: Networks, bundle: Bundle, hops: int = GATE_HOPS) -> float:
    """Return the largest difference of a streamed session from torch, relative to the largest value.

    Both the latents (teacher-forced with the session's own) and the sound are compared.
    """
    image = bundle.image
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (image.height, image.width, 3)).astype(np.uint8) for _ in range(hops)]
    session = Engine(bundle).open_session(seed=1, guidance=2.0, nfe=2, sampler="consistency")
    latents, audio = stream(session, pictures)
    expected = offline_latents(networks, pictures, latents, session.settings)
    errors = relative_error(latents, expected), relative_error(audio, offline_sound(networks, latents, hops))
    return max(errors)


def stream(session: Session, frames: Sequence[Frame | None]) -> tuple[Latents, Audio]:
    """Step through frames; return the latents (hops, latent) and the sound (hops · 1600, 2)."""
    latents, audio = [], []
    for frame in frames:
        audio.append(session.step(frame))
        latents.append(session.latent)
    return np.concatenate(latents), np.concatenate(audio)


def offline_latents(
    networks: Networks, frames: Sequence[Frame], latents: Latents, settings: SamplingSettings
) -> Latents:
    """Return the latent that torch would decode at every hop, given the pictures and the latents before it.

    Args:
        networks: The torch modules.
        frames: One picture per hop, of the model's size; a repeated frame is there twice.
        latents: History, (hops, latent): what a session decoded.
        settings: Guidance, seed and noise levels of that session.
    """
    with torch.no_grad():
        grids = _grids(networks, frames)
        z = _conditions(networks, grids, latents, settings.guidance)
        drawn = torch.cat([_draw(networks, z[hop : hop + 1], hop, settings) for hop in range(len(z))])
        return np.asarray(_steered(networks, drawn, grids).numpy())


def offline_sound(networks: Networks, latents: Latents, chunk: int) -> npt.NDArray[np.float64]:
    """Decode latents in chunks of ``chunk`` hops with torch, and block DC as a session does."""
    vae = networks.vae
    state, waves = vae.initial_decoder_state(1), []
    with torch.no_grad():
        for start in range(0, len(latents), chunk):
            part = torch.from_numpy(latents[start : start + chunk]).T[None]
            wave, state = vae.decode_step(vae.denormalise(part), state)
            waves.append(wave[0].T.numpy())
    return np.asarray(lfilter(DC_ZEROS, DC_POLES, np.concatenate(waves), axis=0))


def relative_error(found: npt.NDArray[np.floating], expected: npt.NDArray[np.floating]) -> float:
    """Return the largest difference over the largest expected value."""
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _grids(networks: Networks, frames: Sequence[Frame]) -> Tensor:
    images = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2).float()
    return networks.generator.project(networks.backbone(images))


def _steered(networks: Networks, drawn: Tensor, grids: Tensor) -> Tensor:
    if networks.steering is None:
        return drawn
    told, turned = torch.zeros(1), []
    for latent, grid in zip(drawn, grids, strict=True):
        latent, told = networks.steering(latent[None], grid[None], told)
        turned.append(latent)
    return torch.cat(turned)


def _conditions(networks: Networks, grids: Tensor, latents: Latents, guidance: float) -> Tensor:
    generator, grids = networks.generator, grids[None]
    differences = sequence_differences(grids, first=networks.config.vision.first_difference)
    history = torch.from_numpy(latents)[None]
    seen = generator.condition(grids, differences, history)
    blind = generator.condition(grids, differences, history, drop=torch.tensor([True]))
    width = seen.shape[-1] // 2
    video = guide(seen[..., width:], blind[..., width:], guidance)
    return torch.cat((seen[..., :width], video), dim=-1)[0]


def _draw(networks: Networks, z: Tensor, hop: int, settings: SamplingSettings) -> Tensor:
    size = networks.config.vae.latent
    noises = [
        torch.from_numpy(philox_normal(settings.seed, hop, evaluation, size))
        for evaluation in range(len(settings.sigmas))
    ]

    def denoise(x: Tensor, sigma: Tensor) -> Tensor:
        return networks.generator.head(x, sigma, z)

    if settings.sampler == "heun":
        return heun_sample(denoise, noises[0], [*settings.sigmas, 0.0])
    return consistency_sample(denoise, noises, settings.sigmas)
