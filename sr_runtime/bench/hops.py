"""Run a session at 30 hops a second and note what each hop costs.

Paced on purpose: a hot loop keeps the caches warm, and the same model measured hot is 1.6 times as fast as
in a game. Called by ``sr-runtime bench``. Thread: any.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sr_runtime.engine.session import Engine
from sr_runtime.figures import HopLog
from sr_runtime.live.pace import Pace
from sr_runtime.types import HOP_HZ, Frame

Progress = Callable[[int], None]


def measure_hops(engine: Engine, seconds: float, progress: Progress = lambda hop: None) -> HopLog:
    """Step a fresh session for so many seconds, as the server does.

    Each hop gets a new picture (the dear case: a repeated one skips the vision graph), and the pass that
    needs no picture runs right after the hop before.

    Args:
        engine: Warmed up here, outside of the measurement.
        seconds: How long.
        progress: Called after each hop with its index.
    """
    engine.warm_up()
    session = engine.open_session()
    pictures = moving_pictures(engine.bundle.image.width, engine.bundle.image.height)
    log = HopLog()
    pace = Pace()
    for hop in range(round(seconds * HOP_HZ)):
        session.prepare()
        pace.wait_for(hop + 1)
        session.step(pictures[hop % len(pictures)])
        log.add(session.timings)
        progress(hop)
    return log


def moving_pictures(width: int, height: int, count: int = 16) -> list[Frame]:
    """Return a loop of different pictures: coloured noise that drifts sideways, always the same."""
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return [np.ascontiguousarray(np.roll(noise, 5 * step, axis=1)) for step in range(count)]
