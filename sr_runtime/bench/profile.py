"""Where each millisecond of a hop goes: a table per operator, and a trace that Perfetto opens.

Every graph of the bundle is run under onnxruntime's profiler; the traces of all graphs and the engine's own
hops are put on one clock. Profiling itself takes time (some microseconds a node), so that shares count here,
not sums. Called by ``sr-runtime bench --profile``. Thread: any.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sr_runtime.bench.hops import moving_pictures
from sr_runtime.engine.session import Engine
from sr_runtime.errors import DataError
from sr_runtime.live.pace import Pace
from sr_runtime.types import HOP_HZ

WARM_HOPS: Final = 15
HOPS: Final = "hops"
Event = dict[str, Any]
Clock = Callable[[], int]


@dataclass(frozen=True)
class OperatorTime:
    """One kind of node in one graph.

    Attributes:
        graph: Of the bundle.
        operator: ONNX operator.
        calls: Per hop.
        ms: Per hop, mean.
        share: Of all nodes of all graphs.
    """

    graph: str
    operator: str
    calls: float
    ms: float
    share: float


def profile(bundle: str, threads: int, seconds: float, trace: Path) -> list[OperatorTime]:
    """Run paced hops under the profiler.

    Args:
        bundle: A shipped name or a folder.
        threads: Processor threads.
        seconds: How long.
        trace: Where the trace goes, as JSON; open it at ui.perfetto.dev.

    Returns:
        The operators, dearest first.

    Raises:
        DataError: The trace cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="sr-profile-") as folder:
        engine = Engine(bundle, threads=threads, profile_to=Path(folder))
        names = engine.bundle.manifest.hop_graphs
        starts = {name: engine.graph(name).profiling_started_ns() for name in names}
        hops = _run(engine, seconds, _clock_of(starts["vision"]))
        events = {name: _events(engine.graph(name).end_profiling()) for name in names}
    first_us = hops[WARM_HOPS]["ts"]
    kept = {name: _on_our_clock(events[name], starts[name], first_us) for name in names}
    _write(trace, {HOPS: hops[WARM_HOPS:], **kept})
    return _operators(kept, len(hops) - WARM_HOPS)


def _clock_of(time_ns: int) -> Clock:
    """Return the clock that a recent time was taken from: the profiler's depends on the system."""
    clocks: tuple[Clock, ...] = (time.time_ns, time.monotonic_ns, time.perf_counter_ns)
    return min(clocks, key=lambda clock: abs(clock() - time_ns))


def _run(engine: Engine, seconds: float, clock: Clock) -> list[Event]:
    """Return one event for each hop."""
    session, pace = engine.open_session(), Pace()
    pictures = moving_pictures(engine.bundle.image.width, engine.bundle.image.height)
    events = []
    for hop in range(WARM_HOPS + round(seconds * HOP_HZ)):
        pace.wait_for(hop + 1)
        start = clock()
        session.step(pictures[hop % len(pictures)])
        name = f"hop {session.hop - 1}"
        events.append(_span(name, start, clock()))
    return events


def _span(name: str, start_ns: int, end_ns: int) -> Event:
    return {"name": name, "ph": "X", "ts": start_ns / 1e3, "dur": (end_ns - start_ns) / 1e3}


def _events(path: str) -> list[Event]:
    """Return the nodes that onnxruntime ran: name, operator, start and length in µs."""
    found: list[Event] = json.loads(Path(path).read_text())
    return [event for event in found if event.get("cat") == "Node" and "op_name" in event.get("args", {})]


def _on_our_clock(events: list[Event], started_ns: int, first_us: float) -> list[Event]:
    """Return the events from ``first_us`` on, on the clock of the hops."""
    moved = [
        {
            "name": event["args"]["op_name"],
            "ph": "X",
            "ts": event["ts"] + started_ns / 1e3,
            "dur": event["dur"],
            "args": {"node": event["name"]},
        }
        for event in events
    ]
    return [event for event in moved if event["ts"] >= first_us]


def _operators(events: dict[str, list[Event]], hops: int) -> list[OperatorTime]:
    sums: dict[tuple[str, str], list[float]] = defaultdict(list)
    for graph, each in events.items():
        for event in each:
            sums[graph, event["name"]].append(event["dur"])
    total = sum(sum(values) for values in sums.values())
    rows = [
        OperatorTime(graph, name, len(values) / hops, sum(values) / 1e3 / hops, sum(values) / total)
        for (graph, name), values in sums.items()
    ]
    return sorted(rows, key=lambda row: -row.ms)


def _write(path: Path, rows: dict[str, list[Event]]) -> None:
    """Write a trace in Chrome's format: one line for the hops and one for each graph."""
    names = [
        {"name": "thread_name", "ph": "M", "pid": 0, "tid": index, "args": {"name": name}}
        for index, name in enumerate(rows)
    ]
    spans = [{**event, "pid": 0, "tid": index} for index, each in enumerate(rows.values()) for event in each]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"traceEvents": names + spans, "displayTimeUnit": "ms"}))
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}; choose another with --profile") from error
