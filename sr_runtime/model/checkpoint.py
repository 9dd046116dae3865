"""A saved network: a folder with ``config.json`` and ``weights.safetensors``. No pickle anywhere.

Called by training (save) and by export, evaluation and fine-tuning (load). Latent statistics and the PCA
basis are buffers of the modules, so they are among the weights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from sr_runtime.errors import BundleError
from sr_runtime.model.presets import ModelConfig, config_from_dict, config_to_dict
from sr_runtime.model.vae import VAE, build_vae

if TYPE_CHECKING:
    from sr_runtime.model.generator import Generator
    from sr_runtime.model.steering import Panning

FORMAT_VERSION = 1
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "weights.safetensors"


def save_network(
    path: Path,
    module: nn.Module,
    config: ModelConfig | Mapping[str, Any],
    facts: Mapping[str, Any] | None = None,
) -> None:
    """Write a network folder; each file appears whole or not at all.

    Args:
        path: Folder, made if missing.
        module: A :class:`~sr_runtime.model.vae.VAE`, :class:`~sr_runtime.model.generator.Generator` or
            :class:`~sr_runtime.model.steering.Panning`.
        config: The whole model's config, or :func:`config_to_dict`'s output; also for a VAE alone.
        facts: Anything JSON can hold about how the weights came to be (steps, data, metrics).
    """
    plain = config_to_dict(config) if isinstance(config, ModelConfig) else dict(config)
    kind = "vae" if isinstance(module, VAE) else type(module).__name__.lower()
    document = {"format": FORMAT_VERSION, "kind": kind, "config": plain, "facts": dict(facts or {})}
    path.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    save_file(weights, path / (WEIGHTS_FILE + ".partial"))
    (path / (WEIGHTS_FILE + ".partial")).replace(path / WEIGHTS_FILE)
    (path / (CONFIG_FILE + ".partial")).write_bytes(msgspec.json.format(msgspec.json.encode(document)))
    (path / (CONFIG_FILE + ".partial")).replace(path / CONFIG_FILE)


def load_config(path: Path) -> ModelConfig:
    """Return the config of a network folder."""
    return config_from_dict(_document(path)["config"])


def load_facts(path: Path) -> dict[str, Any]:
    """Return what :func:`save_network` was told about the training."""
    facts: dict[str, Any] = _document(path)["facts"]
    return facts


def kind_of(path: Path) -> str:
    """Return what a network folder holds: ``vae``, ``generator`` or ``panning``."""
    return str(_document(path).get("kind"))


def load_vae(path: Path) -> VAE:
    """Load an auto-encoder in evaluation mode, on the CPU, in fp32."""
    vae = build_vae(load_config(path).vae)
    _load_weights(vae, path)
    return vae.eval()


def load_generator(path: Path) -> Generator:
    """Load a generator in evaluation mode, on the CPU, in fp32."""
    from sr_runtime.model.generator import Generator

    generator = Generator(load_config(path))
    _load_weights(generator, path)
    return generator.eval()


def load_panning(path: Path) -> Panning:
    """Load the map from picture to side, on the CPU.

    Raises:
        BundleError: The folder holds another network.
    """
    from sr_runtime.model.steering import Panning

    if kind_of(path) != "panning":
        raise BundleError(
            f"{path}: a {kind_of(path)}, not a map from picture to side; name the run of: sr-runtime train "
            "steering"
        )
    panning = Panning(load_config(path).vision)
    _load_weights(panning, path)
    return panning


def load_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a network folder by name.

    Raises:
        BundleError: The file is missing or damaged.
    """
    file = path / WEIGHTS_FILE
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise BundleError(f"cannot read weights from {file}: {error}; did the training run finish?") from None


def latent_key(path: Path) -> str:
    """Return a short name for the latents of an auto-encoder's folder; a tuned decoder does not change it."""
    digest = hashlib.sha256()
    for name, tensor in sorted(load_weights(path).items()):
        if not name.startswith("decoder."):
            digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def grid_key(generator: Generator) -> str:
    """Return a short name for how pictures become grids; the same of weights kept in half precision."""
    digest = hashlib.sha256(repr(generator.config.vision.frozen).encode())
    for part in (generator.tuned_blocks, generator.pca):
        for name, tensor in sorted(part.state_dict().items()):
            digest.update(name.encode() + tensor.half().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]


def _load_weights(module: nn.Module, path: Path) -> None:
    try:
        module.load_state_dict(load_weights(path))
    except RuntimeError as error:
        raise BundleError(f"{path}: weights do not fit the config beside them: {error}") from None


def _document(path: Path) -> dict[str, Any]:
    file = path / CONFIG_FILE
    try:
        document: dict[str, Any] = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise BundleError(f"cannot read the network config {file}: {error}") from None
    if document.get("format") != FORMAT_VERSION:
        raise BundleError(f"{file}: expected format {FORMAT_VERSION}, got {document.get('format')!r}")
    return document
