"""Compare an exported graph with the torch module that it came from.

Called by the exporter: a bundle whose fp32 graphs differ from torch is not written. Thread: any.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import onnx
import torch

from sr_runtime.errors import BundleError
from sr_runtime.model.graphs import Graph

FP32_TOLERANCE: Final = 1e-4
"""Largest |torch − ONNX| ÷ largest |torch| of an output; what is measured is 1e-6 to 1e-5."""

ENCODER_TOLERANCE: Final = 0.1
"""The encoder looks at log spectra: in an empty bin the logarithm makes rounding a hundredfold larger (0.02
measured). It serves the reconstruction ceiling only, never a session."""

INT8_TOLERANCE: Final = 0.25
"""A sanity bound only: int8 is judged by the sound (``sr-runtime evaluate``), and usually errs by 0.01."""


def relative_error(graph: Graph, model: onnx.ModelProto, trials: int = 3) -> float:
    """Return the largest relative error over the outputs and over several random inputs."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    torch.manual_seed(0)
    return max(_one_trial(graph, session) for _ in range(trials))


def _one_trial(graph: Graph, session: object) -> float:
    inputs = graph.example_inputs()
    with torch.no_grad():
        expected = graph(*inputs)
    expected = expected if isinstance(expected, tuple) else (expected,)
    feeds = {name: tensor.numpy() for name, tensor in zip(graph.input_names, inputs, strict=True)}
    found = session.run(list(graph.output_names), feeds)  # type: ignore[attr-defined]
    return max(_difference(e.numpy(), f) for e, f in zip(expected, found, strict=True))


def _difference(expected: np.ndarray, found: np.ndarray) -> float:
    scale = float(np.abs(expected).max())
    return float(np.abs(expected - found).max()) / max(scale, 1e-12)


def check(name: str, precision: str, error: float) -> None:
    """Refuse a graph that is not what torch computes.

    Raises:
        BundleError: The error is above the precision's tolerance, or not a number.
    """
    tolerance = INT8_TOLERANCE if precision == "int8" else FP32_TOLERANCE
    if name == "encoder":
        tolerance = max(tolerance, ENCODER_TOLERANCE)
    if not error <= tolerance:
        raise BundleError(
            f"export: graph '{name}' ({precision}) differs from torch by {error:.2g} of its largest value; "
            f"allowed {tolerance:g}. Try --precision fp32, and report the versions of torch and onnxruntime"
        )
