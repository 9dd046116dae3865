"""Write ``MODEL_CARD.md`` from what the manifest knows: nothing in it is typed by hand.

Called by the exporter, and again by whoever adds metrics. Thread: any.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sr_runtime.engine.bundle import STEERING, Manifest

CARD: Final = "MODEL_CARD.md"


def write_card(folder: Path, manifest: Manifest, metrics: Mapping[str, Any] | None = None) -> None:
    """Write the card.

    Args:
        folder: The bundle.
        manifest: Its manifest.
        metrics: ``sr-runtime evaluate --json``'s output, if there is one.
    """
    sections = [_head(manifest), _shape(manifest, folder), _training(manifest), _parity(manifest)]
    sections += [_metrics(metrics), _limits(manifest)]
    (folder / CARD).write_text("\n\n".join(sections) + "\n", encoding="utf-8")


def _head(manifest: Manifest) -> str:
    return f"# {manifest.name}\n\n{manifest.description}\n\nLicence of the weights: {manifest.licence}."


def _shape(manifest: Manifest, folder: Path) -> str:
    transformer, image, sampling = manifest.transformer, manifest.image, manifest.sampling
    size = sum(file.stat().st_size for file in folder.glob("*.onnx"))
    rows = {
        "parameters": f"{manifest.parameters / 1e6:.1f} M",
        "precision": manifest.precision,
        "graphs": f"{size / 1e6:.1f} MB",
        "picture": f"{image.width} × {image.height}, the whole picture stretched",
        "sound": "48 kHz stereo, 1600 samples per frame at 30 frames/s",
        "memory": f"{transformer.window} tokens = {transformer.window / 60:.1f} s, endless (ring)",
        "sampler": f"{sampling.sampler}, {_default_nfe(manifest)} evaluation(s)",
        "guidance": f"{sampling.guidance:g}",
        "left and right": "told by the picture"
        if STEERING in manifest.graphs
        else "as the generator draws it",
    }
    return "## Shape\n\n" + _table(rows)


def _default_nfe(manifest: Manifest) -> int:
    sampling = manifest.sampling
    return sampling.heun_nfe if sampling.sampler == "heun" else sampling.nfe


def _training(manifest: Manifest) -> str:
    facts = {name: value for name, value in manifest.training.items() if name != "config"}
    if not facts:
        return "## Training\n\nNothing is recorded about it."
    return "## Training\n\n" + _table(_flat(facts)) + "\n\nThe whole configuration is in `model.json`."


def _parity(manifest: Manifest) -> str:
    if not manifest.parity:
        return "## Exactness\n\nNot measured."
    return (
        "## Exactness\n\nLargest difference from torch, relative to each output's largest value.\n\n"
        + _table({name: f"{value:.2g}" for name, value in _flat(manifest.parity).items()})
    )


def _metrics(metrics: Mapping[str, Any] | None) -> str:
    if not metrics:
        return "## Metrics\n\nNot measured yet: `sr-runtime evaluate --bundle THIS`."
    return "## Metrics\n\nOn validation recordings that training never saw.\n\n" + _table(_flat(metrics))


def _limits(manifest: Manifest) -> str:
    return (
        "## What it knows\n\n"
        f"It knows the sounds of what it was trained on and nothing else. {_data_note(manifest)}To teach it "
        "your own game, record it and train: `sr-runtime record video FILES…`, `sr-runtime train`, "
        "`sr-runtime export`."
    )


def _data_note(manifest: Manifest) -> str:
    note = manifest.training.get("data_note")
    return f"{note} " if note else ""


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, str | float]:
    rows: dict[str, str | float] = {}
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            rows |= _flat(value, f"{key}.")
        elif isinstance(value, float):
            rows[key] = float(f"{value:.4g}")
        elif isinstance(value, str | int):
            rows[key] = value
    return rows


def _table(rows: Mapping[str, str | float]) -> str:
    lines = ["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items())]
    return "\n".join(lines)
