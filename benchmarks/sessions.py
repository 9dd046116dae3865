"""How many sessions a machine serves: all of them computed together, 30 beats a second.

    python -m benchmarks.sessions --out out --seconds 15
    python -m benchmarks.sessions --out out --bundle my-bundle --threads 2 --count 1 --count 4

A beat is what the server does: the hops of all sessions, each with a new picture, then the passes that need
none. *One by one* is the same without computing together. A session more fits as long as 99 beats in 100 take
less than the deadline.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import track

from benchmarks.pages import bundle_of, caption, draw, memory_mb, save, summary, table, write_page
from sr_runtime.bench.hops import moving_pictures
from sr_runtime.engine.session import Engine, Session, Step, prepare_together, step_together
from sr_runtime.engine.timings import Stopwatch
from sr_runtime.figures import HOP_MS
from sr_runtime.live.pace import Pace
from sr_runtime.types import HOP_HZ, Frame


def beats(sessions: list[Session], pictures: list[Frame], seconds: float) -> list[float]:
    """Return how long each beat took, paced."""
    times, pace = [], Pace()
    for beat in range(round(seconds * HOP_HZ)):
        pace.wait_for(beat + 1)
        watch = Stopwatch()
        shown = (pictures[(beat + index) % len(pictures)] for index in range(len(sessions)))
        step_together([Step(session, picture) for session, picture in zip(sessions, shown, strict=True)])
        prepare_together(sessions)
        times.append(watch.lap())
    return times[HOP_HZ // 2 :]


def row(engine: Engine, count: int, seconds: float, nfe: int | None, shared: bool) -> dict[str, Any]:
    """Measure so many sessions."""
    pictures = moving_pictures(engine.bundle.image.width, engine.bundle.image.height)
    sessions = [engine.open_session(seed=seed, nfe=nfe, shared=shared) for seed in range(count)]
    times = beats(sessions, pictures, seconds)
    for session in sessions:
        session.close()
    return {
        "sessions": count,
        "shared": shared,
        "threads": engine.threads,
        "beat_ms": summary(times),
        "misses": sum(ms > HOP_MS for ms in times),
        "memory_mb": memory_mb(),
    }


def command(
    out: Annotated[
        Path, typer.Option(help="Folder for sessions.json; plots go into its performance/, or beside --page.")
    ],
    bundle: Annotated[str, typer.Option(help="Preset, shipped bundle or folder.")] = "default",
    count: Annotated[list[int] | None, typer.Option(help="Sessions; 1 to 12 by default.")] = None,
    threads: Annotated[list[int] | None, typer.Option(help="1 and 2 by default.")] = None,
    seconds: Annotated[float, typer.Option(help="Of each row.")] = 15.0,
    nfe: Annotated[int | None, typer.Option(help="Evaluations of the head; the bundle's by default.")] = None,
    backend: Annotated[str, typer.Option(help="onnx or torch.")] = "onnx",
    device: Annotated[str, typer.Option(help="cpu, cuda or auto.")] = "cpu",
    only_together: Annotated[bool, typer.Option(help="Leave out one by one.")] = False,
    page: Annotated[Path | None, typer.Option(help="Put the table between its markers of this page.")] = None,
) -> None:
    """Measure beats of more and more sessions."""
    rows = []
    counts = count or [1, 2, 3, 4, 6, 8, 12]
    for pool in threads or [1, 2]:
        engine = Engine(bundle_of(bundle), device, pool, backend)
        engine.warm_up()
        plan = [(each, shared) for each in counts for shared in ((True,) if only_together else (True, False))]
        for each, shared in track(plan, f"{pool} thread(s)"):
            rows.append(row(engine, each, seconds, nfe, shared))
    facts = save(out, "sessions", {"rows": rows, "bundle": bundle, "seconds": seconds, "nfe": nfe})
    write_page(page, "sessions", markdown(facts))
    kinds = {(r["threads"], r["shared"]) for r in rows}
    curves = {
        f"{pool} thread(s), {'together' if shared else 'one by one'}": (
            [r["sessions"] for r in rows if (r["threads"], r["shared"]) == (pool, shared)],
            [r["beat_ms"]["p50"] for r in rows if (r["threads"], r["shared"]) == (pool, shared)],
        )
        for pool, shared in sorted(kinds)
    }
    draw((page.parent if page else out) / "performance" / "sessions.png", curves, "sessions", "beat p50, ms")


def fitting(rows: list[dict[str, Any]], threads: int, shared: bool) -> int:
    """Return the most sessions whose beats are in time, 99 in 100."""
    kept = [r for r in rows if (r["threads"], r["shared"]) == (threads, shared)]
    return max((r["sessions"] for r in kept if r["beat_ms"]["p99"] < HOP_MS), default=0)


def markdown(facts: dict[str, Any]) -> str:
    """Return the table of docs/performance.md."""
    rows = facts["rows"]
    pools = sorted({r["threads"] for r in rows})
    is_compared = any(not r["shared"] for r in rows)
    columns = ["sessions"]
    for pool in pools:
        columns += [f"together, {pool} thread(s): p50", "p99", "× one"]
        columns += ["one by one: p50", "p99"] if is_compared else []
    lines = []
    for count in sorted({r["sessions"] for r in rows}):
        lines.append([count])
        for pool in pools:
            by = {(r["sessions"], r["shared"]): r["beat_ms"] for r in rows if r["threads"] == pool}
            first = by[min(r["sessions"] for r in rows), True]["p50"]
            ours = by[count, True]
            lines[-1] += [ours["p50"], ours["p99"], f"{ours['p50'] / first:.2f}"]
            lines[-1] += [by[count, False][name] for name in ("p50", "p99")] if is_compared else []
    fits = "; ".join(
        f"{pool} thread(s): {fitting(rows, pool, True)} together"
        + (f", {fitting(rows, pool, False)} one by one" if is_compared else "")
        for pool in pools
    )
    text = (
        f"Bundle `{facts['bundle']}`; a beat of all sessions in ms, paced at 30/s for {facts['seconds']:g} s."
    )
    fits = f"In time (p99 below 33.3 ms), of the counts measured: {fits}."
    picture = "![sessions](performance/sessions.png)"
    return "\n\n".join((caption(facts, text), table(columns, lines), fits, picture))


if __name__ == "__main__":
    typer.run(command)
