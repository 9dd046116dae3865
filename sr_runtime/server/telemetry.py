"""What the runtime says about itself: one status per session for its engine, one snapshot for the terminal.

Made twice a second by the inference thread from plain counters; a snapshot is never changed after it is made,
so any thread may read it. Thread: inference (reading: any).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from sr_bridge.messages import Status

from sr_runtime.audio import PlayerStats
from sr_runtime.engine.timings import HopTimings
from sr_runtime.server.live import LiveSession
from sr_runtime.server.lockstep import LockstepSession
from sr_runtime.server.windows import Window

MAX_AMOUNT = 1e12


class HopMeter:
    """Times of the hops of all live sessions, newest 300."""

    def __init__(self) -> None:
        self.hop_ms = Window()
        self.after_frame_ms = Window()

    def add(self, timings: HopTimings) -> None:
        """Add one hop."""
        self.hop_ms.add(timings.hop_ms)
        self.after_frame_ms.add(timings.after_frame_ms)


@dataclass(frozen=True, slots=True)
class RuntimeSnapshot:
    """The runtime at one moment.

    Attributes:
        uptime_s: Since the port was announced.
        capacity: Live sessions that the measured hop time allows.
        sessions: One status each.
        hop_ms_p50: Computing of one hop, median of the last 10 s.
        hop_ms_p99: The same, 99th percentile.
        hops_skipped: Beats of the hop clock left out after stalls.
        refused: Refusals by code, over all peers.
        sink: What the output says; None without one.
    """

    uptime_s: float = 0.0
    capacity: int = 0
    sessions: tuple[Status, ...] = ()
    hop_ms_p50: float = 0.0
    hop_ms_p99: float = 0.0
    hops_skipped: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    sink: PlayerStats | None = None


def live_status(session: LiveSession, sessions: int, meter: HopMeter, sink: PlayerStats | None) -> Status:
    """Return the status message of a live session."""
    received = session.traffic.frames_received
    return Status(
        session=session.id,
        state=session.state,
        hop=session.hops,
        frames_received=received,
        frames_used=session.frames_used,
        frames_dropped=max(0, received - session.frames_used),
        frames_rejected=dict(session.traffic.rejected),
        hops_repeated=session.hops_repeated,
        hops_skipped=session.hops_skipped,
        hops_unsent=session.traffic.hops_unsent,
        guidance=session.stream.guidance,
        nfe=session.stream.nfe,
        gain=session.gain,
        mute=session.is_muted,
        seed=_natural(session.stream.seed),
        play=session.play,
        degraded=session.is_degraded or session.stream.is_relieved,
        sessions=sessions,
        hop_ms_p50=meter.hop_ms.percentile(50),
        hop_ms_p99=meter.hop_ms.percentile(99),
        after_frame_ms_p50=meter.after_frame_ms.percentile(50),
        frame_age_ms_p50=_amount(session.ages_ms.percentile(50)),
        **_sink_values(sink),
    )


def lockstep_status(session: LockstepSession, sessions: int, meter: HopMeter) -> Status:
    """Return the status message of a lockstep session."""
    return Status(
        session=session.id,
        state="running" if session.frames_used else "waiting",
        hop=session.buffer.hops,
        frames_received=session.traffic.frames_received,
        frames_used=session.frames_used,
        frames_rejected=dict(session.traffic.rejected),
        guidance=session.stream.guidance,
        nfe=session.stream.nfe,
        seed=_natural(session.stream.seed),
        play=session.play,
        sessions=sessions,
        hop_ms_p50=meter.hop_ms.percentile(50),
        hop_ms_p99=meter.hop_ms.percentile(99),
    )


def _sink_values(sink: PlayerStats | None) -> dict[str, Any]:
    if sink is None:
        return {"output": "none"}
    return {
        "underruns": sink.underruns,
        "gaps_ms": _amount(sink.gaps_ms),
        "level_ms": _amount(sink.level_ms.p50),
        "ppm": sink.ppm if abs(sink.ppm) <= 1e6 else 0.0,
        "frame_to_sample_ms_p50": _amount(sink.frame_to_sample_ms.p50),
        "frame_to_sample_ms_p95": _amount(sink.frame_to_sample_ms.p95),
        "output": sink.device[:64],
    }


def _amount(value: float) -> float:
    """Return a number that the wire allows: what is unknown or impossible is 0."""
    return min(MAX_AMOUNT, max(0.0, value)) if math.isfinite(value) else 0.0


def _natural(value: int) -> int:
    return min(value, 2**63 - 1)
