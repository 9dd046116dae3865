"""Turn one torch graph into a clean ONNX model: standard operators, free rows, no traces of the builder.

Called by the exporter. Thread: any.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import logging
import warnings
from collections.abc import Iterator
from typing import Any, Final

import onnx
import torch

from sr_runtime.export.streamlined import streamline
from sr_runtime.model.graphs import EncoderGraph, Graph, export_ready
from sr_runtime.types import HOP_SAMPLES

OPSET: Final = 20


def to_onnx(graph: Graph) -> onnx.ModelProto:
    """Return the graph as an ONNX model with its own input and output names.

    The number of rows stays free; the encoder takes one sound of any length in whole hops instead.
    """
    copied = export_ready(copy.deepcopy(graph))
    streamline(copied)
    with _quiet(), torch.no_grad():
        program = torch.onnx.export(
            copied,
            graph.example_inputs(),
            input_names=list(graph.input_names),
            output_names=list(graph.output_names),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
            dynamic_shapes=_free_dimensions(graph),
        )
    assert program is not None
    return without_traces(program.model_proto)


def _free_dimensions(graph: Graph) -> tuple[Any, ...]:
    if isinstance(graph, EncoderGraph):
        return ({1: torch.export.Dim("hops") * HOP_SAMPLES},)
    rows = torch.export.Dim("rows")
    free = [{0: rows} for _ in graph.input_names]
    is_variadic = len(inspect.signature(graph.forward).parameters) < len(free)
    if not is_variadic:
        return tuple(free)
    named = len(inspect.signature(graph.forward).parameters) - 1
    return (*free[:named], tuple(free[named:]))


def without_traces(model: onnx.ModelProto) -> onnx.ModelProto:
    """Drop stack traces, paths and intermediate shapes that the exporter notes in the model."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    del model.functions[:]
    model.doc_string = model.graph.doc_string = ""
    for item in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
    return model


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence torch's remarks about its own deprecations and about packages that nobody needs here."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
