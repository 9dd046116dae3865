"""Say a benchmark run as table rows, for the terminal and for Markdown.

Called by ``sr-runtime bench``. Thread: any.
"""

from __future__ import annotations

from sr_runtime.audio.settings import NO_DEVICE
from sr_runtime.bench.sound import NULL_SINK_NAME
from sr_runtime.figures import HOP_MS, STAGES, JsonMap

COLUMNS = ("", "p50", "p99", "worst", *STAGES, "misses", "× real time")


def rows(figures: JsonMap) -> list[list[str]]:
    """Return one row of :data:`COLUMNS` for each part that was measured; times in ms, stages as p50."""
    parts = {
        "alone": figures,
        "busy core": figures.get("busy"),
        _wire_title(figures.get("wire") or {}): figures.get("wire"),
    }
    return [_row(name, part) for name, part in parts.items() if part]


def markdown(figures: JsonMap) -> str:
    """Return the run as a Markdown table with the machine it was measured on."""
    lines = [
        caption(figures),
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "| " + " | ".join("---" for _ in COLUMNS) + " |",
    ]
    lines += ["| " + " | ".join(row) + " |" for row in rows(figures)]
    if "wire" in figures:
        lines += ["", wire_line(figures["wire"])]
    return "\n".join(lines)


def caption(figures: JsonMap) -> str:
    """Say what was measured on what."""
    machine = figures["machine"]
    return (
        f"Model `{figures['model']}`, {figures['threads']} thread(s) on `{figures['device']}`, "
        f"{machine['processor']} ({machine['cores']} cores), {figures['hops']} hops paced at 30/s, "
        f"commit `{figures['commit']}`. Milliseconds; the stages are medians."
    )


def wire_line(wire: JsonMap) -> str:
    """Say what came out at the loudspeaker's end of the whole way."""
    latency = wire["frame_to_sample_ms"]
    if not _was_heard(wire):  # nothing could run dry either: a 0 would claim too much
        why = wire.get("why_silent") or "no sound device played"
        return f"Neither underruns nor `frame_to_sample_ms` were measured: {why}."
    device = "a PulseAudio null sink" if wire["output"] == NULL_SINK_NAME else f"`{wire['output']}`"
    return (
        f"Through the socket, playing on {device}: {wire['underruns']} underruns, "
        f"`frame_to_sample_ms` {_number(latency['p50'])} p50, {_number(latency['p95'])} p95."
    )


def _was_heard(wire: JsonMap) -> bool:
    # Without a device the runtime imagines one, at the right pace: its figures are no measurement.
    return wire["output"] != NO_DEVICE and wire["frame_to_sample_ms"]["p50"] is not None


def _wire_title(wire: JsonMap) -> str:
    return f"socket, {wire['output']}" if wire and _was_heard(wire) else "socket"


def _row(name: str, part: JsonMap) -> list[str]:
    hop = part["hop_ms"]
    stages = part.get("stage_ms") or {}
    stage_cells = [_number((stages.get(stage) or {}).get("p50")) for stage in STAGES]
    speed = f"{HOP_MS / hop['p50']:.1f}" if hop["p50"] else "–"
    times = [_number(hop.get(key)) for key in ("p50", "p99", "worst")]
    misses = "–" if part["misses"] is None else f"{part['misses']} of {part['hops']}"
    return [name, *times, *stage_cells, misses, speed]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f}"
