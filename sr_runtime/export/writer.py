"""Write a bundle folder: graphs, constants, ``model.json``; whole or not at all.

Called by the probe's and the trained model's exporters. Thread: any.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import msgspec
import numpy as np
import onnx

from sr_runtime.engine.backends.torch_cuda.backend import TORCH
from sr_runtime.engine.bundle import (
    MANIFEST,
    PANNING,
    FileSpec,
    GraphSpec,
    ImageSpec,
    Manifest,
    StateSpec,
    TensorSpec,
    TransformerSpec,
    file_sha256,
)

CONSTANTS = "constants.npz"


def session_state(
    image: ImageSpec,
    grid_shape: tuple[int, ...],
    transformer: TransformerSpec,
    decoder_states: tuple[StateSpec, ...],
    steers: bool = False,
) -> tuple[StateSpec, ...]:
    """Return the description of a whole session's state, in the order of the data flow."""
    width, window = transformer.width, transformer.window
    cache_shape = (2, transformer.kv_heads, window, transformer.head_size)
    cache = [f"{kind}_{layer}" for layer in range(transformer.layers) for kind in ("k", "v")]
    return (
        StateSpec("hop", (1,), "int64"),
        StateSpec("position", (1,), "int64"),
        StateSpec("null_start", (1,), "int64"),
        StateSpec("is_prepared", (1,), "bool"),
        StateSpec("has_frame", (1,), "bool"),
        StateSpec("image", (1, image.height, image.width, 3), "uint8"),
        StateSpec("prev_grid", grid_shape, "float32"),
        StateSpec("audio_token", (1, 1, width), "float32", "bos"),
        StateSpec("audio_hidden", (1, 1, width), "float32"),
        *(StateSpec(name, cache_shape, "float32") for name in cache),
        *((StateSpec(PANNING, (1,), "float32"),) if steers else ()),
        *decoder_states,
        StateSpec("dc_block", (1, 2), "float64"),
        StateSpec("last_sample", (2,), "float32"),
    )


def write_bundle(
    folder: Path,
    graphs: Mapping[str, onnx.ModelProto],
    constants: Mapping[str, np.ndarray],
    facts: Mapping[str, Any],
    write_torch: Callable[[Path], Sequence[Path]] | None = None,
) -> Manifest:
    """Write graphs, constants and manifest beside ``folder`` and move them there when all is done.

    Args:
        folder: Where the bundle shall be; an older bundle there is replaced.
        graphs: Graph name → model.
        constants: ``bos``, ``null_token`` and initial states.
        facts: The fields of :class:`Manifest` except ``graphs``, ``constants`` and ``torch``.
        write_torch: Writes the networks for torch into a folder and returns the files; None leaves them out.

    Returns:
        What was written to ``model.json``.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    work.chmod(0o755)
    specs = {name: _write_graph(work, name, model) for name, model in graphs.items()}
    arrays: dict[str, Any] = dict(constants)
    np.savez(work / CONSTANTS, **arrays)
    constants_spec = FileSpec(CONSTANTS, file_sha256(work / CONSTANTS))
    files = write_torch(work / TORCH) if write_torch else ()
    torch = tuple(FileSpec(path.relative_to(work).as_posix(), file_sha256(path)) for path in files)
    manifest = Manifest(graphs=specs, constants=constants_spec, torch=torch, **facts)
    write_manifest(work, manifest)
    if folder.exists():
        shutil.rmtree(folder)
    work.rename(folder)
    return manifest


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write ``model.json``, indented for people."""
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    (folder / MANIFEST).write_bytes(text + b"\n")


def _write_graph(folder: Path, name: str, model: onnx.ModelProto) -> GraphSpec:
    path = folder / f"{name}.onnx"
    onnx.save(model, str(path))
    initialisers = {tensor.name for tensor in model.graph.initializer}
    inputs = tuple(_tensor_spec(value) for value in model.graph.input if value.name not in initialisers)
    outputs = tuple(_tensor_spec(value) for value in model.graph.output)
    return GraphSpec(path.name, file_sha256(path), inputs, outputs)


def _tensor_spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    # A free dimension (rows; the encoder's length) is written as -1.
    shape = tuple(dimension.dim_value or -1 for dimension in tensor.shape.dim)
    return TensorSpec(value.name, shape, onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name)
