"""The verb ``devices``: list the sound devices, play a short tone on one."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from sr_runtime.audio.output import OutputDevice
    from sr_runtime.types import Audio

TONE_HZ = 660.0
TONE_S = 1.2
TONE_LEVEL = 0.2


def register(app: typer.Typer) -> None:
    """Add ``devices`` to the command tree."""

    @app.command()
    def devices(
        test: Annotated[bool, typer.Option("--test", help="Play a short tone, left then right.")] = False,
        device: Annotated[
            str | None, typer.Option(help="Name (or a part of it) or number of the device to test.")
        ] = None,
        json_path: Annotated[
            Path | None, typer.Option("--json", help="Write the list as JSON to this file, '-' for stdout.")
        ] = None,
    ) -> None:
        """List the sound devices that can play."""
        _show_devices(Console(), json_path)
        if test:
            _play_test(Console(), device)


def _show_devices(console: Console, json_path: Path | None) -> None:
    """Print the table or the JSON; a missing PortAudio or device is told, not raised."""
    from sr_runtime.audio.devices import list_devices
    from sr_runtime.errors import AudioDeviceError, MissingDependency

    found: list[OutputDevice] = []
    problem = ""
    try:
        found = list_devices()
        problem = "" if found else "no sound device that can play stereo was found"
    except (MissingDependency, AudioDeviceError) as error:
        problem = str(error)
    if json_path is not None:
        _write_json(console, json_path, found, problem)
    if json_path is None or str(json_path) != "-":
        _print_table(console, found, problem)


def _write_json(console: Console, path: Path, found: list[OutputDevice], problem: str) -> None:
    import msgspec

    text = json.dumps({"devices": msgspec.to_builtins(found), "problem": problem}, indent=2)
    if str(path) == "-":
        console.print(text, highlight=False, markup=False, soft_wrap=True)
    else:
        path.write_text(text + "\n", encoding="utf-8")


def _print_table(console: Console, found: list[OutputDevice], problem: str) -> None:
    if problem:
        console.print(f"[yellow]{problem}[/]", highlight=False)
        console.print("'serve' and 'demo' run without one too: sound goes to the game or into a file.")
        return
    table = Table("", "number", "name", "system", "rate", "least latency")
    for device in found:
        table.add_row(
            "*" if device.is_default else "",
            str(device.index),
            device.name,
            device.host_api,
            f"{device.default_rate_hz:.0f} Hz",
            f"{device.latency_low_ms:.0f} ms",
        )
    console.print(table)
    console.print("* = played on when none is named. Name a device by number or by a part of its name.")


def _play_test(console: Console, device: str | None) -> None:
    """Play the tone through the same path as a game's sound and say what was measured."""
    import numpy as np

    from sr_runtime.audio import AudioPlayer, AudioSettings
    from sr_runtime.errors import AudioDeviceError
    from sr_runtime.types import HOP_HZ, HOP_SAMPLES

    tone = _tone()
    player = AudioPlayer(AudioSettings(device=device))
    try:
        stats = player.start()
        if stats.state == "no device":
            raise AudioDeviceError(f"cannot play the tone: {stats.reason}")
        begun = time.monotonic()
        for hop in range(math.ceil(len(tone) / HOP_SAMPLES)):
            sound = np.ascontiguousarray(tone[hop * HOP_SAMPLES : (hop + 1) * HOP_SAMPLES])
            player.write(sound, time.monotonic_ns(), hop)
            time.sleep(max(0.0, begun + (hop + 1) / HOP_HZ - time.monotonic()))
        player.pause()
        time.sleep(0.3)
        stats = player.stats()
    finally:
        player.close()
    console.print(f"Played {TONE_S:g} s on {stats.device}: {stats.underruns} underruns.")
    latency_ms = stats.frame_to_sample_ms.p50
    if math.isfinite(latency_ms):
        console.print(f"{latency_ms:.0f} ms from the runtime to the loudspeaker, as the driver states it.")


def _tone() -> Audio:
    """Return a soft tone, left then right, float32 (n, 2)."""
    import numpy as np

    from sr_runtime.types import SAMPLE_RATE

    time_s = np.arange(round(TONE_S * SAMPLE_RATE)) / SAMPLE_RATE
    half = TONE_S / 2
    envelope = TONE_LEVEL * np.sin(np.pi * (time_s % half) / half) ** 2
    tone = envelope * np.sin(2 * np.pi * TONE_HZ * time_s)
    is_left = time_s < half
    return np.stack([tone * is_left, tone * ~is_left], axis=1).astype(np.float32)
