"""Store weights in fewer bytes while the arithmetic stays fp32: int8 for matrices, float16 for the rest.

onnxruntime folds the Cast and Mul nodes when it loads the graph, so that only the file is smaller. Called by
the exporter for ``--precision int8``. Thread: any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HALF_FROM_ELEMENTS: Final = 1024
"""Smaller initialisers (biases, norms) are not worth a Cast node."""

HALF_FROM_VALUE: Final = 2.0**-10
"""Where all values are smaller (scales of int8 products), float16 would run out of digits."""


def halved(model: onnx.ModelProto, fixed: Sequence[np.ndarray] = ()) -> onnx.ModelProto:
    """Return the model with its float32 initialisers of some size stored as float16.

    Args:
        model: fp32 or quantised; changed in place.
        fixed: Matrices that keep their precision: a Fourier basis in float16 leaks loud bins into quiet ones.
    """
    nodes: list[onnx.NodeProto] = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or np.prod(tensor.dims) < HALF_FROM_ELEMENTS:
            continue
        exact = numpy_helper.to_array(tensor)
        if any(np.array_equal(exact, other) for other in fixed) or np.abs(exact).max() < HALF_FROM_VALUE:
            continue
        values = exact.astype(np.float16)
        assert np.isfinite(values).all(), f"{tensor.name} does not fit float16"
        nodes.append(_cast(f"{tensor.name}_half", tensor.name))
        tensor.CopyFrom(numpy_helper.from_array(values, f"{tensor.name}_half"))
    return _with_nodes_in_front(model, nodes)


def stored_as_int8(model: onnx.ModelProto, smallest: int) -> onnx.ModelProto:
    """Return the model with the weights of its matrix products stored as int8 and one scale per channel.

    Unlike quantised products, these keep their activations exact.

    Args:
        model: fp32; changed in place.
        smallest: Matrices of fewer elements stay as they are.
    """
    axes = _channel_axes(model)
    nodes: list[onnx.NodeProto] = []
    scales: list[onnx.TensorProto] = []
    for tensor in model.graph.initializer:
        if tensor.name not in axes or np.prod(tensor.dims) < smallest:
            continue
        name, exact = tensor.name, numpy_helper.to_array(tensor)
        scale = np.abs(exact).max(axis=1 - axes[name], keepdims=True).clip(1e-12) / 127.0
        nodes += [_cast(f"{name}_int8", f"{name}_steps")]
        nodes += [helper.make_node("Mul", [f"{name}_steps", f"{name}_scale"], [name])]
        scales.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}_scale"))
        tensor.CopyFrom(numpy_helper.from_array(np.round(exact / scale).astype(np.int8), f"{name}_int8"))
    model.graph.initializer.extend(scales)
    return _with_nodes_in_front(model, nodes)


def _channel_axes(model: onnx.ModelProto) -> dict[str, int]:
    """Return initialiser → the axis of the output channels, for the weight of every matrix product."""
    axes: dict[str, int] = {}
    for node in model.graph.node:
        if node.op_type == "MatMul":
            axes[node.input[1]] = 1
        elif node.op_type == "Gemm":
            is_transposed = any(a.name == "transB" and a.i for a in node.attribute)
            axes[node.input[1]] = 0 if is_transposed else 1
    return axes


def _cast(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Cast", [source], [target], to=TensorProto.FLOAT)


def _with_nodes_in_front(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> onnx.ModelProto:
    everything = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(everything)
    return model
