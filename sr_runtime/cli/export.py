"""The verb ``export``: trained networks in, a model bundle out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sr_runtime.export.source import Networks


class Precision(StrEnum):
    """Choices of ``--precision``."""

    INT8 = "int8"
    FP32 = "fp32"


def register(app: typer.Typer) -> None:
    """Add ``export`` to the command tree."""
    app.command()(export)


def export(
    out: Annotated[Path, typer.Option(help="Folder of the bundle; an older bundle there is replaced.")],
    vae: Annotated[Path | None, typer.Option(help="Run folder of 'train vae'.")] = None,
    generator: Annotated[Path | None, typer.Option(help="Run folder of 'train stage1' or 'stage2'.")] = None,
    steering: Annotated[
        Path | None, typer.Option(help="Run folder of 'train steering'; without, the bundle does not steer.")
    ] = None,
    precision: Annotated[
        Precision, typer.Option(help="int8 for CPUs, fp32 for GPUs and as the reference.")
    ] = Precision.INT8,
    preset: Annotated[str, typer.Option(help="Shape for --random-weights.")] = "mini",
    random_weights: Annotated[
        bool, typer.Option("--random-weights", help="Right shapes and speed, meaningless sound: for bench.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="Name of the bundle; default: the folder's.")] = None,
    description: Annotated[str | None, typer.Option(help="One sentence for the model card.")] = None,
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "Apache-2.0",
    sampler: Annotated[
        str | None, typer.Option(help="consistency or heun; default: what the generator was trained for.")
    ] = None,
    nfe: Annotated[int | None, typer.Option(help="Default evaluations per hop.", min=1)] = None,
    guidance: Annotated[float, typer.Option(help="Default guidance scale.", min=0.0)] = 3.0,
    metrics: Annotated[
        Path | None, typer.Option(help="Output of 'evaluate --json', for the model card.")
    ] = None,
    vision_weights: Annotated[
        Path | None, typer.Option(help="Checkpoint of the picture encoder (DINOv2 only).")
    ] = None,
    encoder: Annotated[bool, typer.Option(help="Also export the auto-encoder's encoder.")] = True,
    torch: Annotated[
        bool, typer.Option("--torch", help="Also keep the networks for the torch backend (GPUs).")
    ] = False,
    card_only: Annotated[
        bool, typer.Option("--card-only", help="Only write the card of the bundle at --out again.")
    ] = False,
) -> None:
    """Write a model bundle from trained networks; each graph is checked against torch."""
    from rich.console import Console

    console = Console()
    if card_only:
        _write_card(console, out, _read_metrics(metrics))
        return
    networks = _networks(vae, generator, preset if random_weights else None, vision_weights, steering)
    options: dict[str, Any] = {
        "name": name or out.resolve().name,
        "precision": precision.value,
        "with_encoder": encoder,
        "with_torch": torch,
        "licence": licence,
        "sampler": sampler,
        "nfe": nfe,
        "guidance": guidance,
        "metrics": _read_metrics(metrics),
    }
    if description is not None:
        options["description"] = description
    _write(console, networks, out, options)


def _networks(
    vae: Path | None,
    generator: Path | None,
    random_preset: str | None,
    vision_weights: Path | None,
    steering: Path | None,
) -> Networks:
    from sr_runtime.errors import ConfigError
    from sr_runtime.export.source import load_networks, random_networks

    if random_preset is not None:
        if steering is not None:
            raise ConfigError(
                "--steering goes with --vae and --generator; leave it out with --random-weights"
            )
        return random_networks(random_preset)
    if vae is None or generator is None:
        raise ConfigError("export needs --vae RUN and --generator RUN (or --random-weights --preset NAME)")
    return load_networks(vae, generator, vision_weights, steering)


def _read_metrics(path: Path | None) -> dict[str, Any] | None:
    import msgspec

    from sr_runtime.errors import ConfigError

    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"--metrics {path}: {error}; name the file of 'evaluate --json'") from error


def _write_card(console: Console, folder: Path, metrics: dict[str, Any] | None) -> None:
    from sr_runtime.engine.bundle import load_bundle
    from sr_runtime.export.card import CARD, write_card

    write_card(folder, load_bundle(folder).manifest, metrics)
    console.print(f"[bold green]{folder / CARD}[/]", highlight=False)


def _write(console: Console, networks: Networks, out: Path, options: dict[str, Any]) -> None:
    from sr_runtime.engine.bundle import load_bundle
    from sr_runtime.export.facts import ExportOptions
    from sr_runtime.export.trained import export_bundle

    with console.status("exporting"):
        manifest = export_bundle(networks, out, ExportOptions(**options), console.print)
    size = load_bundle(out).size_bytes
    console.print(
        f"[bold green]{out}[/]: {manifest.name}, {manifest.precision}, {manifest.parameters / 1e6:.1f} M "
        f"parameters, {size / 1e6:.1f} MB, sampler {manifest.sampling.sampler}",
        highlight=False,
    )
