"""Read a model bundle: a folder of ONNX graphs and the ``model.json`` that says what they are.

The engine, the server (welcome message), the exporter (which writes what this file reads) and ``doctor``
call it. ``docs/bundle.md`` is the format in prose. Thread: any.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np

from sr_runtime.errors import BundleError
from sr_runtime.types import CHANNELS, HOP_HZ, HOP_SAMPLES, SAMPLE_RATE, State

FORMAT: Final = "soundreactor-bundle"
FORMAT_VERSION: Final = 2
MANIFEST: Final = "model.json"
GRAPH_NAMES: Final = ("vision", "transformer", "condition", "head", "decoder")
STEERING: Final = "steering"
"""Optional graph, run between head and decoder."""
PANNING: Final = "panning"
"""State entry of bundles that steer."""
HOST_STATE: Final = frozenset(
    {"hop", "position", "null_start", "is_prepared", "has_frame", "image", "prev_grid"}
    | {"audio_token", "audio_hidden", "dc_block", "last_sample"}
)
"""State entries that every bundle has; key/value rings and the decoder's arrays come on top."""
SHIPPED_BUNDLES: Final = Path(__file__).resolve().parent.parent / "models"

Positive = Annotated[int, msgspec.Meta(ge=1)]
SamplerName = Literal["consistency", "heun"]


class TensorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Name, shape and numpy dtype name of one graph input or output."""

    name: str
    shape: tuple[int, ...]
    dtype: str


class StateSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One entry of a session's state: every element starts as ``initial``, or as the named constant."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    initial: float | str = 0.0


class FileSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the bundle and the checksum that finds damage."""

    file: str
    sha256: str


class GraphSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An ONNX graph: where it is and what it takes and gives."""

    file: str
    sha256: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]


class AudioSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The sound's shape; this runtime runs 48 kHz stereo in hops of 1600 samples only."""

    sample_rate: int = SAMPLE_RATE
    channels: int = CHANNELS
    hop_samples: int = HOP_SAMPLES
    hop_hz: int = HOP_HZ


class ImageSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The picture that the vision graph wants; ``mean``/``std`` are applied inside the graph.

    ``first_difference`` is what the very first frame differs from: black features (``feature``: the
    difference is the feature itself) or itself (``zero``).
    """

    width: Positive
    height: Positive
    fit: Literal["stretch"] = "stretch"
    color: Literal["srgb"] = "srgb"
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    first_difference: Literal["feature", "zero"] = "feature"


class TransformerSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sizes of the transformer; a token attends to itself and the ``window − 1`` tokens before it."""

    layers: Positive
    width: Positive
    kv_heads: Positive
    head_size: Positive
    window: Annotated[int, msgspec.Meta(ge=4)]
    rope_theta: float = 10_000.0


def _paper_sigmas() -> dict[str, tuple[float, ...]]:
    """NFE → noise levels: 80 and 0.821 are ECT's; 3 and 4 are Karras levels (rho 7) without the smallest."""
    return {"1": (80.0,), "2": (80.0, 0.821), "3": (80.0, 2.5, 0.17), "4": (80.0, 17.5, 2.5, 0.17)}


class SamplingSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a latent is drawn: defaults, and the noise levels of each sampler."""

    sampler: SamplerName = "consistency"
    guidance: float = 3.0
    nfe: Positive = 1
    consistency_sigmas: dict[str, tuple[float, ...]] = msgspec.field(default_factory=_paper_sigmas)
    heun_nfe: Positive = 15
    sigma_min: float = 0.002
    sigma_max: float = 80.0
    rho: float = 7.0


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Everything in ``model.json``."""

    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    name: str
    description: str
    licence: str
    precision: Literal["fp32", "int8"]
    frame_alignment: Literal["end_of_hop"] = "end_of_hop"
    audio: AudioSpec = AudioSpec()
    image: ImageSpec
    latent_size: Positive
    transformer: TransformerSpec
    sampling: SamplingSpec = SamplingSpec()
    graphs: dict[str, GraphSpec]
    constants: FileSpec
    torch: tuple[FileSpec, ...] = ()
    state: tuple[StateSpec, ...]
    parameters: int = 0
    training: dict[str, Any] = {}
    parity: dict[str, Any] = {}

    @property
    def hop_graphs(self) -> tuple[str, ...]:
        """Names of the graphs that a hop runs, in the order of the data."""
        *first, decoder = GRAPH_NAMES
        return (*first, STEERING, decoder) if STEERING in self.graphs else GRAPH_NAMES


class Bundle:
    """A checked bundle on disk: its manifest, its constants and where its graphs are.

    Attributes:
        path: The folder.
        manifest: What ``model.json`` says.
        constants: Name → array: ``bos`` and ``null_token`` (float32 (1, 1, width)), initial states.

    Thread: any.
    """

    def __init__(self, path: Path, manifest: Manifest, constants: dict[str, np.ndarray]) -> None:
        self.path = path
        self.manifest = manifest
        self.constants = constants

    @property
    def name(self) -> str:
        """Return the bundle's name."""
        return self.manifest.name

    @property
    def image(self) -> ImageSpec:
        """Return the size and treatment of the picture that the model wants."""
        return self.manifest.image

    @property
    def size_bytes(self) -> int:
        """Return the size of all files of the folder, in bytes."""
        return sum(file.stat().st_size for file in self.path.rglob("*") if file.is_file())

    def graph_path(self, name: str) -> Path:
        """Return where the ONNX file of graph ``name`` is."""
        return self.path / self.manifest.graphs[name].file

    def initial_state(self) -> State:
        """Return a new session's state: fresh arrays, one for each entry of ``manifest.state``."""
        return {spec.name: self._initial(spec) for spec in self.manifest.state}

    def _initial(self, spec: StateSpec) -> np.ndarray:
        if isinstance(spec.initial, str):
            return np.array(self.constants[spec.initial], dtype=spec.dtype, order="C")
        return np.full(spec.shape, spec.initial, dtype=spec.dtype)


def shipped_bundles() -> list[str]:
    """Return the names of the bundles that came with the package."""
    return sorted(folder.parent.name for folder in SHIPPED_BUNDLES.glob(f"*/{MANIFEST}"))


def load_bundle(path_or_name: str | Path) -> Bundle:
    """Load and check a bundle.

    Args:
        path_or_name: A folder, or the name of a shipped bundle (``default``, ``probe``).

    Returns:
        The bundle: manifest read, format version and every checksum verified.

    Raises:
        BundleError: Missing, damaged, or of a version that this runtime does not read.

    Example:
        >>> load_bundle("probe").manifest.audio.hop_samples
        1600

    Thread: any.
    """
    folder = _locate(path_or_name)
    manifest = _read_manifest(folder / MANIFEST)
    for graph in manifest.graphs.values():
        _check_file(folder / graph.file, graph.sha256)
    for file in (manifest.constants, *manifest.torch):
        _check_file(folder / file.file, file.sha256)
    constants = _read_constants(folder / manifest.constants.file)
    _check_state(manifest, constants)
    return Bundle(folder, manifest, constants)


def file_sha256(path: Path) -> str:
    """Return the file's sha256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _locate(path_or_name: str | Path) -> Path:
    for folder in (Path(path_or_name), SHIPPED_BUNDLES / str(path_or_name)):
        if (folder / MANIFEST).is_file():
            return folder
    raise BundleError(
        f"no model bundle at '{path_or_name}': expected a folder with {MANIFEST}, or one of the shipped "
        f"names {shipped_bundles()}. Build one with: sr-runtime export --vae RUN --generator RUN --out DIR"
    )


def _read_manifest(path: Path) -> Manifest:
    data = path.read_bytes()
    _check_version(path, data)
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except msgspec.DecodeError as error:
        raise BundleError(f"{path}: {error}. Export the bundle again with this version.") from error
    missing = [name for name in GRAPH_NAMES if name not in manifest.graphs]
    if missing:
        raise BundleError(f"{path}: graphs.{missing[0]} is missing; a bundle has {list(GRAPH_NAMES)}")
    if manifest.audio != AudioSpec():
        raise BundleError(
            f"{path}: audio: this runtime plays {AudioSpec()}, the bundle makes {manifest.audio}"
        )
    return manifest


def _check_version(path: Path, data: bytes) -> None:
    try:
        header = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise BundleError(f"{path} is not readable JSON ({error}); copy the bundle again") from error
    if header.get("format") != FORMAT:
        raise BundleError(f"{path}: format: expected '{FORMAT}', got {header.get('format')!r}")
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{path}: format_version: this runtime reads {FORMAT_VERSION}, the bundle is {version!r}. "
            "Export it again with this version, or install the runtime that wrote it."
        )


def _check_file(path: Path, expected: str) -> None:
    if not path.is_file():
        raise BundleError(f"{path} is named in {MANIFEST} but missing; copy or export the bundle again")
    found = file_sha256(path)
    if found != expected:
        raise BundleError(
            f"{path} is damaged: sha256 is {found[:12]}…, {MANIFEST} says {expected[:12]}…. "
            "Copy or export the bundle again."
        )


def _read_constants(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} is not a readable .npz file: {error}") from error


def _check_state(manifest: Manifest, constants: dict[str, np.ndarray]) -> None:
    wanted_state = HOST_STATE | ({PANNING} if STEERING in manifest.graphs else frozenset())
    missing = sorted(wanted_state - {spec.name for spec in manifest.state})
    if missing:
        raise BundleError(f"{MANIFEST}: state lacks {missing}; export the bundle again with this version")
    wanted = {"null_token"} | {spec.initial for spec in manifest.state if isinstance(spec.initial, str)}
    absent = sorted(wanted - constants.keys())
    if absent:
        raise BundleError(f"{manifest.constants.file} lacks the constants {absent}; export the bundle again")
