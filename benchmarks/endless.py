"""Does a hop cost the same after an hour? 108,000 hops of one session, as fast as they go or paced.

    python -m benchmarks.endless --out out --page docs/performance.md
    python -m benchmarks.endless --out out --bundle mini --minutes 10 --busy --page docs/performance.md

The second asks for misses: 30 hops a second for ten minutes beside a busy core; a table per bundle.
"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.progress import track

from benchmarks.pages import bundle_of, caption, draw, memory_mb, save, summary, table, write_page
from sr_runtime.bench.busy import BusyCore
from sr_runtime.bench.hops import moving_pictures
from sr_runtime.engine.session import Engine
from sr_runtime.figures import HOP_MS
from sr_runtime.live.pace import Pace
from sr_runtime.types import HOP_HZ

PARTS = 12


def command(
    out: Annotated[
        Path, typer.Option(help="Folder for endless.json; plots go into its performance/, or beside --page.")
    ],
    bundle: Annotated[str, typer.Option(help="Preset, shipped bundle or folder.")] = "default",
    minutes: Annotated[float, typer.Option(help="Of the session's time.")] = 60.0,
    paced: Annotated[bool, typer.Option(help="30 hops a second, instead of as fast as they go.")] = False,
    busy: Annotated[bool, typer.Option(help="Beside a busy core, paced; a table per bundle.")] = False,
    page: Annotated[Path | None, typer.Option(help="Put the table between its markers of this page.")] = None,
) -> None:
    """Run one session for an hour of its time and compare twelve parts of it."""
    engine = Engine(bundle_of(bundle))
    engine.warm_up()
    session = engine.open_session()
    pictures = moving_pictures(engine.bundle.image.width, engine.bundle.image.height)
    count, pace = round(minutes * 60 * HOP_HZ), Pace()
    times, memory = np.zeros(count), []
    with BusyCore() if busy else contextlib.nullcontext():
        for hop in track(range(count), "hops"):
            if hop % max(1, count // PARTS) == 0:
                memory.append(memory_mb())
            session.prepare()
            if paced or busy:
                pace.wait_for(hop + 1)
            session.step(pictures[hop % len(pictures)])
            times[hop] = session.timings.hop_ms
    parts = zip(np.array_split(times, PARTS), memory, strict=False)
    rows = [
        {"hop_ms": summary(part), "memory_mb": mb, "misses": int((part > HOP_MS).sum())} for part, mb in parts
    ]
    found = {"rows": rows, "bundle": bundle, "minutes": minutes, "paced": paced or busy, "busy": busy}
    name = f"busy_{Path(bundle).name}" if busy else "endless"
    facts = save(out, name, found)
    write_page(page, name, markdown(facts, name))
    picture = (page.parent if page else out) / "performance" / f"{name}.png"
    middle = [(index + 0.5) * minutes / PARTS for index in range(PARTS)]
    curves = {name: (middle, [row["hop_ms"][name] for row in rows]) for name in ("p50", "p99")}
    draw(picture, curves, "minute of the session", "hop, ms")


def markdown(facts: dict[str, Any], name: str) -> str:
    """Return the table of docs/performance.md."""
    length = facts["minutes"] / PARTS
    rows = [
        [
            f"{index * length:.3g}–{(index + 1) * length:.3g}",
            *row["hop_ms"].values(),
            row["misses"],
            round(row["memory_mb"]),
        ]
        for index, row in enumerate(facts["rows"])
    ]
    how = "paced at 30/s" if facts["paced"] else "as fast as they go"
    where = ", beside a busy core" if facts["busy"] else ""
    text = caption(facts, f"One session of `{facts['bundle']}`, one thread, {how}{where}; ms.")
    columns = ["minutes", "p50", "p90", "p99", "worst", "hops", "misses", "MB at its beginning"]
    return f"{text}\n\n{table(columns, rows)}\n\n![{name}](performance/{name}.png)"


if __name__ == "__main__":
    typer.run(command)
