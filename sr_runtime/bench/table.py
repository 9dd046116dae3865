"""Say a benchmark run as table rows, for the terminal and for Markdown.

Called by ``sr-runtime bench``. Thread: any.
"""

from __future__ import annotations

from sr_runtime.figures import HOP_MS, STAGES, JsonMap

COLUMNS = ("", "p50", "p99", "worst", *STAGES, "misses", "× real time")


def rows(figures: JsonMap) -> list[list[str]]:
    """Return one row of :data:`COLUMNS` for each part that was measured; times in ms, stages as p50."""
    parts = {
        "alone": figures,
        "busy core": figures.get("busy"),
        "socket": figures.get("wire"),
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
    if latency["p50"] is None:  # nothing played, so nothing could run dry either: a 0 would claim too much
        return "No sound device here, so neither underruns nor `frame_to_sample_ms` were measured."
    return (
        f"Through the socket: {wire['underruns']} underruns, `frame_to_sample_ms` "
        f"{_number(latency['p50'])} p50, {_number(latency['p95'])} p95 (sound output: {wire['output']})."
    )


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
