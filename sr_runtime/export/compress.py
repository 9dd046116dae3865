"""Make a graph small and quick on a CPU: matrix products in int8.

Called by the exporter for ``--precision int8``. Thread: any.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import onnx
from onnx import numpy_helper

from sr_runtime.export.graph import without_traces

QUANTISE_FROM_ELEMENTS: Final = 65_536
"""Smaller matrices stay exact: they cost neither time nor space, and first and last layers are among them."""


def quantised(model: onnx.ModelProto, fixed: Sequence[np.ndarray] = ()) -> onnx.ModelProto:
    """Return the model with int8 weights (per channel) and dynamically quantised activations.

    Matrix products only: onnxruntime's dynamic int8 convolutions are slower than fp32 ones.

    Args:
        model: fp32.
        fixed: Matrices that are no weights (Fourier bases, tables) and keep their precision.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with TemporaryDirectory() as folder, _quiet():
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, str(source))
        quantize_dynamic(
            source,
            target,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul", "Gemm"],
            nodes_to_exclude=_exact_products(model, fixed),
        )
        return without_traces(onnx.load(str(target)))


def _exact_products(model: onnx.ModelProto, fixed: Sequence[np.ndarray]) -> list[str]:
    """Return the names of the products that keep their precision."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    names = []
    for node in model.graph.node:
        if node.op_type not in ("MatMul", "Gemm"):
            continue
        matrices = [numpy_helper.to_array(weights[name]) for name in node.input[:2] if name in weights]
        if any(_is_exact(matrix, fixed) for matrix in matrices):
            # The quantiser first turns a Gemm into a MatMul of this other name.
            names += [node.name, f"{node.name}_MatMul"]
    return names


def _is_exact(matrix: np.ndarray, fixed: Sequence[np.ndarray]) -> bool:
    if matrix.size < QUANTISE_FROM_ELEMENTS:
        return True
    return any(np.array_equal(matrix, other) for other in fixed)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the quantiser, which logs advice through the root logger."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(disabled)
