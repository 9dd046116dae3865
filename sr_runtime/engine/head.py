"""The head stage: from the transformer's two hidden vectors to one latent, and to the next audio token.

Called by the session. Thread: inference.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxGraph
from sr_runtime.engine.noise import philox_normal
from sr_runtime.engine.sampling import sample_consistency, sample_heun
from sr_runtime.engine.settings import SamplingSettings
from sr_runtime.types import State

Array = npt.NDArray[np.float32]


class HeadStage:
    """Runs ``head(x_t, sigma, z) → denoised, audio_token`` as often as the sampler asks.

    Args:
        graph: The head graph.
        state: Uses ``audio_token`` and ``hop``, in place.
    """

    def __init__(self, graph: OnnxGraph, state: State) -> None:
        self._hop = state["hop"]
        inputs = {tensor.name: np.zeros(tensor.shape, tensor.dtype) for tensor in graph.spec.inputs}
        self._x, self._sigma, self._z = inputs["x_t"], inputs["sigma"], inputs["z"]
        denoised = next(tensor for tensor in graph.spec.outputs if tensor.name == "denoised")
        self._denoised: Array = np.zeros(denoised.shape, denoised.dtype)
        outputs = {"denoised": self._denoised, "audio_token": state["audio_token"]}
        self._run = graph.bind(inputs, outputs)

    def sample(self, audio_hidden: Array, video_hidden: Array, settings: SamplingSettings) -> Array:
        """Draw the hop's latent and leave its token in the state.

        Args:
            audio_hidden: float32 (2, 1, width), output at the audio token; only row 0 is used.
            video_hidden: float32 (2, 1, width), output at the video token; guided (Algorithm 3, line 6).
            settings: Guidance, seed, sampler and noise levels.

        Returns:
            float32 (1, latent), normalised.
        """
        width = audio_hidden.shape[-1]
        conditional, null = video_hidden[0, 0], video_hidden[1, 0]
        self._z[0, :width] = audio_hidden[0, 0]
        self._z[0, width:] = null + np.float32(settings.guidance) * (conditional - null)
        hop, size = int(self._hop[0]), self._x.shape[1]

        def noise(evaluation: int) -> Array:
            return philox_normal(settings.seed, hop, evaluation, size)

        sample = sample_heun if settings.sampler == "heun" else sample_consistency
        return sample(self._denoise, noise, settings.sigmas)

    def _denoise(self, x: Array, sigma: float) -> Array:
        np.copyto(self._x, x)
        self._sigma[0] = sigma
        self._run()
        return self._denoised.copy()
