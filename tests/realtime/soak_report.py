"""What a soak measured, as a sentence with its machine; it fills the README's marker, so nobody types it."""

from __future__ import annotations

from pathlib import Path

from sr_bridge.messages import Status

from sr_runtime.live.take import LiveTake
from sr_runtime.machine import commit, processor, usable_cores
from sr_runtime.marked import fill

MARKER = "soak"


def sentence(take: LiveTake, bundle: str, latency: str, grown_mb: float) -> str:
    """Say a soak's figures: latency, underruns, hop times, memory."""
    status: Status = take.statuses[-1]
    return (
        f"{take.frames / 30:.0f} s of model `{bundle}` with `{latency}` on a PulseAudio null sink, "
        f"{processor()} ({usable_cores()} cores), commit `{commit()}`: `frame_to_sample_ms` "
        f"{status.frame_to_sample_ms_p50:.0f} p50, {status.frame_to_sample_ms_p95:.0f} p95; "
        f"{status.underruns} underruns, {status.gaps_ms:.1f} ms of gaps; "
        f"hops {status.hop_ms_p50:.1f} ms p50, {status.hop_ms_p99:.1f} p99; memory {grown_mb:+.1f} MB."
    )


def fill_page(page: str, text: str) -> None:
    """Put the sentence between the ``soak`` markers of a page; an empty name is no page."""
    if page:
        fill(Path(page), MARKER, text)
