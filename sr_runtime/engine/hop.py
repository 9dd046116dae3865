"""What computes a hop, whatever it runs on: the interface that a session drives, and its form in ONNX graphs.

A session keeps the books (settings, hop numbers, guard); a hop keeps the networks' memory and calls them.

    audio token ─► transformer ─┐ (prepare: needs no frame)
    frame ─► vision ─► transformer ─► guidance ─► head ─► decoder

Called by the session. Thread: inference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sr_runtime.engine.backends.onnx import OnnxBackend
from sr_runtime.engine.bundle import Bundle
from sr_runtime.engine.decoder import DecoderStage
from sr_runtime.engine.head import HeadStage
from sr_runtime.engine.settings import SamplingSettings
from sr_runtime.engine.timings import Stopwatch
from sr_runtime.engine.transformer import TransformerStage
from sr_runtime.engine.vision import VisionStage
from sr_runtime.types import Audio, Frame, State

Latent = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Computed:
    """A hop's result, before anybody has looked whether it is sound.

    Attributes:
        latent: What the head drew, normalised, float32 (1, latent size).
        audio: float32 (1600, 2), valid until the next hop.
        vision_ms: What each part took; parts that a device runs as one are 0, and all is ``decoder_ms``.
        transformer_ms: Likewise; the pass of the video token.
        head_ms: Likewise.
        decoder_ms: Likewise.
    """

    latent: Latent
    audio: Audio
    vision_ms: float
    transformer_ms: float
    head_ms: float
    decoder_ms: float


class Hop(Protocol):
    """One session's networks and their memory."""

    @property
    def has_frame(self) -> bool:
        """Tell whether a frame was ever seen."""

    def prepare(self) -> None:
        """Run the pass of the audio token, which needs no frame; once before each :meth:`compute`."""

    def compute(self, frame: Frame | None, is_cut: bool, settings: SamplingSettings) -> Computed:
        """Compute the rest of a hop; None is the last frame again.

        Raises:
            SessionError: The frame is not a picture.
        """

    def save(self) -> None:
        """Bring the session's state arrays up to date."""

    def load(self) -> None:
        """Take over the session's state arrays, which were just replaced."""


class OnnxHop:
    """A hop in ONNX graphs, whose memory are the state's arrays themselves.

    Args:
        backend: Of the bundle.
        bundle: Says what the graphs want.
        state: Changed in place by every hop.
    """

    def __init__(self, backend: OnnxBackend, bundle: Bundle, state: State) -> None:
        manifest = bundle.manifest
        self._state = state
        self._null_token = bundle.constants["null_token"].astype(np.float32)
        self._vision = VisionStage(backend.graph("vision"), manifest.image, state)
        self._transformer = TransformerStage(backend.graph("transformer"), manifest.transformer, state)
        self._head = HeadStage(backend.graph("head"), state)
        self._decoder = DecoderStage(backend.graph("decoder"), state)

    @property
    def has_frame(self) -> bool:
        """See :class:`Hop`."""
        return self._vision.has_frame

    def prepare(self) -> None:
        """See :class:`Hop`."""
        token = self._state["audio_token"]
        np.copyto(self._state["audio_hidden"], self._transformer.append(token, token))

    def compute(self, frame: Frame | None, is_cut: bool, settings: SamplingSettings) -> Computed:
        """See :class:`Hop`."""
        watch = Stopwatch()
        token = self._vision.see_again() if frame is None else self._vision.see(frame, is_cut)
        vision_ms = watch.lap()
        hidden = self._transformer.append(token, self._null_token)
        transformer_ms = watch.lap()
        latent = self._head.sample(self._state["audio_hidden"], hidden, settings)
        head_ms = watch.lap()
        audio = self._decoder.decode(latent)
        return Computed(latent, audio, vision_ms, transformer_ms, head_ms, watch.lap())

    def save(self) -> None:
        """See :class:`Hop`: the arrays are the memory."""

    def load(self) -> None:
        """See :class:`Hop`."""
        self._transformer.forget()
        self._vision.forget()
