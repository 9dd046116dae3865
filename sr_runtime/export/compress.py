"""Make a graph small and quick on a CPU: matrix products in int8, each row with a scale of its own.

::

    x ─► Abs ─► ReduceMax ─► peak (N, 1)         int8 weights, one scale per output channel
    x ÷ peak ─► QuantizeLinear ─► MatMulInteger ─► Cast ─► · peak ─► · channel scales ─► y

onnxruntime's own dynamic quantisation has one scale for the whole of x: a loud row would then decide how
coarse the others are, and what a session sounds like would depend on who else is computed with it. Scales per
row cost a tenth more time and err less. Called by the exporter for ``--precision int8``. Thread: any.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

QUANTISE_FROM_ELEMENTS: Final = 65_536
"""Smaller matrices stay exact: they cost neither time nor space, and first and last layers are among them."""

STEPS: Final = 127.0
SMALLEST_PEAK: Final = 1e-20
"""What a row of zeros is divided by."""

_SHARED: Final = {
    "int8_axis": np.array([-1], np.int64),
    "int8_smallest": np.array(SMALLEST_PEAK, np.float32),
    "int8_step": np.array(1.0 / STEPS, np.float32),
    "int8_zero": np.array(128, np.uint8),
}


def quantised(model: onnx.ModelProto, fixed: Sequence[np.ndarray] = ()) -> onnx.ModelProto:
    """Return the model with its larger matrix products in int8.

    Matrix products only: onnxruntime's int8 convolutions are slower than fp32 ones.

    Args:
        model: fp32; changed in place.
        fixed: Matrices that are no weights (Fourier bases, tables) and keep their precision.
    """
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    added: dict[str, onnx.TensorProto] = {}
    for node in model.graph.node:
        matrix = _weight(node, weights, fixed)
        if matrix is None:
            nodes.append(node)
            continue
        if not added:
            added.update({name: numpy_helper.from_array(value, name) for name, value in _SHARED.items()})
        nodes += _product(node, matrix, added)
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(added.values())
    return _without_unused(model)


def _weight(
    node: onnx.NodeProto, weights: dict[str, onnx.TensorProto], fixed: Sequence[np.ndarray]
) -> np.ndarray | None:
    """Return the matrix (inputs, outputs) of a product that is to be quantised, or None."""
    if node.op_type not in ("MatMul", "Gemm") or node.input[1] not in weights:
        return None
    matrix = numpy_helper.to_array(weights[node.input[1]])
    if matrix.ndim != 2 or matrix.size < QUANTISE_FROM_ELEMENTS:
        return None
    if any(np.array_equal(matrix, other) for other in fixed):
        return None
    is_transposed = bool(_attributes(node).get("transB"))
    return np.transpose(matrix) if is_transposed else matrix


def _product(
    node: onnx.NodeProto, matrix: np.ndarray, added: dict[str, onnx.TensorProto]
) -> list[onnx.NodeProto]:
    """Return the nodes that take a product's place; their constants go into ``added``."""
    attributes = _attributes(node)
    assert not attributes.get("transA"), node.name
    assert attributes.get("alpha", 1.0) == attributes.get("beta", 1.0) == 1.0, node.name
    source, target, name = node.input[0], node.output[0], node.input[1]
    scale = (np.abs(matrix).max(axis=0).clip(1e-12) / STEPS).astype(np.float32)
    steps = np.round(matrix / scale).astype(np.int8)
    added[f"{name}_int8"] = numpy_helper.from_array(np.ascontiguousarray(steps), f"{name}_int8")
    added[f"{name}_scale"] = numpy_helper.from_array(scale / np.float32(STEPS), f"{name}_scale")
    at = f"{target}_int8"
    nodes = [
        helper.make_node("Abs", [source], [f"{at}_abs"]),
        helper.make_node("ReduceMax", [f"{at}_abs", "int8_axis"], [f"{at}_max"], keepdims=1),
        helper.make_node("Max", [f"{at}_max", "int8_smallest"], [f"{at}_peak"]),
        helper.make_node("Div", [source, f"{at}_peak"], [f"{at}_unit"]),
        helper.make_node("QuantizeLinear", [f"{at}_unit", "int8_step", "int8_zero"], [f"{at}_steps"]),
        helper.make_node("MatMulInteger", [f"{at}_steps", f"{name}_int8", "int8_zero"], [f"{at}_sum"]),
        helper.make_node("Cast", [f"{at}_sum"], [f"{at}_float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{at}_float", f"{at}_peak"], [f"{at}_rows"]),
    ]
    bias = node.input[2] if len(node.input) > 2 else None
    product = f"{at}_product" if bias else target
    nodes.append(helper.make_node("Mul", [f"{at}_rows", f"{name}_scale"], [product]))
    if bias:
        nodes.append(helper.make_node("Add", [product, bias], [target]))
    return nodes


def _without_unused(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop the weights that nothing reads any more."""
    read = {name for node in model.graph.node for name in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    return model


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
