"""Export trained networks as a bundle, and prove on the way that the graphs compute what torch computes.

Called by ``sr-runtime export`` and by tests. Thread: any.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx

from sr_runtime.engine.backends.torch_cuda.weights import write_torch_networks
from sr_runtime.engine.bundle import STEERING, Manifest, load_bundle
from sr_runtime.export.card import write_card
from sr_runtime.export.compress import QUANTISE_FROM_ELEMENTS, quantised
from sr_runtime.export.facts import ExportOptions, manifest_facts
from sr_runtime.export.gate import streaming_error
from sr_runtime.export.graph import to_onnx
from sr_runtime.export.parity import check, relative_error
from sr_runtime.export.source import Networks
from sr_runtime.export.weight_storage import halved, stored_as_int8
from sr_runtime.export.writer import write_bundle
from sr_runtime.model.graphs import (
    ConditionGraph,
    DecoderGraph,
    EncoderGraph,
    Graph,
    HeadGraph,
    SteeringGraph,
    TransformerStepGraph,
    VisionGraph,
    session_constants,
)

Report = Callable[[str], None]


def export_bundle(
    networks: Networks, folder: Path, options: ExportOptions, report: Report = lambda line: None
) -> Manifest:
    """Write a bundle.

    Args:
        networks: Trained or random networks, in evaluation mode.
        folder: Where to; an older bundle there is replaced at the very end.
        options: Name, precision, defaults.
        report: Called with one line per graph.

    Returns:
        The manifest.

    Raises:
        BundleError: A graph differs from torch; nothing is written then.
    """
    exact: dict[str, onnx.ModelProto] = {}
    models: dict[str, onnx.ModelProto] = {}
    parity: dict[str, dict[str, float]] = {}
    for name, graph in _graphs(networks, options).items():
        exact[name], errors = _export_exact(name, graph)
        models[name] = exact[name]
        if options.precision == "int8":
            models[name] = _compress(name, graph, exact[name], errors)
        parity[name] = errors
        report(f"{name}: {models[name].ByteSize() / 1e6:.1f} MB, {_tell(errors)}")
    parity["streaming"] = {"fp32": _stream_like_torch(networks, exact, manifest_facts(networks, options, {}))}
    report(f"streaming: {_tell(parity['streaming'])}")
    facts = manifest_facts(networks, options, parity)
    write_torch = _torch_writer(networks) if options.with_torch else None
    manifest = write_bundle(folder, models, _constants(networks), facts, write_torch)
    write_card(folder, manifest, options.metrics)
    return manifest


def _torch_writer(networks: Networks) -> Callable[[Path], Sequence[Path]]:
    panning = networks.steering.panning if networks.steering else None
    return lambda folder: write_torch_networks(
        folder, networks.backbone, networks.generator, networks.vae, panning
    )


def _graphs(networks: Networks, options: ExportOptions) -> dict[str, Graph]:
    graphs: dict[str, Graph] = {
        "vision": VisionGraph(networks.backbone, networks.generator),
        "transformer": TransformerStepGraph(networks.generator),
        "condition": ConditionGraph(networks.generator),
        "head": HeadGraph(networks.generator),
        "decoder": DecoderGraph(networks.vae),
    }
    if networks.steering:
        graphs[STEERING] = SteeringGraph(networks.steering, networks.generator)
    if options.with_encoder:
        graphs["encoder"] = EncoderGraph(networks.vae)
    return graphs


def _export_exact(name: str, graph: Graph) -> tuple[onnx.ModelProto, dict[str, float]]:
    model = to_onnx(graph)
    errors = {"fp32": relative_error(graph, model)}
    check(name, "fp32", errors["fp32"])
    return model, errors


def _compress(name: str, graph: Graph, exact: onnx.ModelProto, errors: dict[str, float]) -> onnx.ModelProto:
    model = _compressed(graph, exact)
    errors["int8"] = relative_error(graph, model)
    check(name, "int8", errors["int8"])
    return model


def _compressed(graph: Graph, exact: onnx.ModelProto) -> onnx.ModelProto:
    fixed = _fixed_matrices(graph)
    if isinstance(graph, VisionGraph):
        # A quantised token is off by 2 % of what it varies by, and the sampler multiplies that; the products
        # cost little here, so only their storage is int8 (0.3 %).
        return halved(stored_as_int8(copy.deepcopy(exact), QUANTISE_FROM_ELEMENTS))
    small = quantised(copy.deepcopy(exact), fixed)
    return halved(small) if isinstance(graph, EncoderGraph) else halved(small, fixed)


def _stream_like_torch(
    networks: Networks, exact: Mapping[str, onnx.ModelProto], facts: dict[str, Any]
) -> float:
    with TemporaryDirectory() as folder:
        target = Path(folder) / "fp32"
        write_bundle(target, exact, _constants(networks), {**facts, "precision": "fp32"})
        error = streaming_error(networks, load_bundle(target))
    check("streaming", "fp32", error)
    return error


def _tell(errors: Mapping[str, float]) -> str:
    told = ", ".join(f"{precision} {error:.2g}" for precision, error in errors.items())
    return f"largest relative error against torch: {told}"


def _fixed_matrices(graph: Graph) -> list[np.ndarray]:
    return [buffer.numpy() for buffer in graph.buffers() if buffer.ndim == 2 and buffer.is_floating_point()]


def _constants(networks: Networks) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in session_constants(networks.generator).items()}
