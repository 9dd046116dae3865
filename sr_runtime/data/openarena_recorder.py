"""Record OpenArena: play what has no demo yet, show it, cut it into clips; in parallel, resumable.

Called by ``sr-runtime record openarena``. The demo files are the dataset: the game cannot be seeded, but a
demo always shows the same play, so that the clips can be made again from it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sr_runtime.data.openarena_demo import PLAYER, Showing, play, shown
from sr_runtime.data.openarena_log import GameEvent, clip_events, events_by_hop, hop_time_s, is_teleport
from sr_runtime.data.openarena_take import DEMO_SUFFIX, Take
from sr_runtime.data.splits import OPENARENA
from sr_runtime.data.store import ClipMeta, ClipStore, Event, Pcm
from sr_runtime.data.video import PICTURE_SIZE, hop_pictures
from sr_runtime.data.video_sound import hop_sounds
from sr_runtime.types import Frame

KIND = "dense"
CUT_CHANGE = 20.0
"""Mean change of a picture above which, where somebody appears, the player was moved by a teleporter:
1 % of all pictures change more, by fast turns."""
RESPAWN_CHANGE = 10.0
"""The same while the player is dead and looks at one place: coming back was 14 … 30, others' coming 3 … 8."""


class ShownHop(NamedTuple):
    """One hop of a demo: uint8 picture (224, 224, 3), int16 sound (1600, 2), the game's events in it."""

    frame: Frame
    sound: Pcm
    events: list[GameEvent]


def record_takes(
    takes: list[Take], store: ClipStore, demos: Path, workers: int
) -> Iterator[tuple[Take, Exception | None]]:
    """Record the takes of which clips are missing, and yield each as it ends, with its error if it failed.

    Args:
        takes: from :func:`~sr_runtime.data.openarena_take.plan_takes` or ``takes_of_demos``.
        store: where the clips go.
        demos: folder of the demo files; what is not there is played and written there.
        workers: games that run at the same time.
    """
    todo = [take for take in takes if take.missing(store)]
    with ThreadPoolExecutor(workers) as pool:
        futures = {pool.submit(record_take, take, store, demos): take for take in todo}
        try:
            for future in as_completed(futures):
                error = future.exception()
                if error is not None and not isinstance(error, Exception):
                    raise error
                yield futures[future], error
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def record_take(take: Take, store: ClipStore, demos: Path) -> list[str]:
    """Record the clips of one take that are not in the store yet, and return their names.

    Thread: any; the work is done by the game's process and by video decoding.

    Raises:
        HeldOutError: its map may not be recorded for its split.
        DataError: the game failed or the demo is of no use.
        MissingDependency: the game or PyAV is not installed.
    """
    missing = take.missing(store)
    if not missing:
        return []
    demo = demos / f"{take.name}{DEMO_SUFFIX}"
    if not demo.exists():
        play(take, demo)
    with shown(take, demo, (missing[-1] + 1) * take.hops) as showing:
        hops = shown_hops(showing)
        for number, clip_id in enumerate(take.clip_ids[: missing[-1] + 1]):
            piece = list(itertools.islice(hops, take.hops))
            if number in missing:
                _write(piece, store, _meta(take, clip_id))
    return [take.clip_ids[number] for number in missing]


def shown_hops(showing: Showing) -> Iterator[ShownHop]:
    """Yield a video's hops with their events.

    The AVI dates picture k+1 at (k+1)/30 s and the sound that belongs to it at k/30 s: the end-of-hop rule of
    any video pairs them.
    """
    sounds, pictures = hop_sounds(showing.avi), hop_pictures(showing.avi)
    for sound, frame, events in zip(sounds, pictures, events_by_hop(showing.log), strict=False):
        yield ShownHop(frame, sound, events)


def cuts(hops: list[ShownHop]) -> list[Event]:
    """Return a ``cut`` for each picture to which the player jumped: alive again, or through a teleporter.

    Args:
        hops: consecutive hops.
    """
    found, is_dead = [], False
    for number, (before, hop) in enumerate(itertools.pairwise(hops), start=1):
        is_dead = is_dead or GameEvent(PLAYER, "DEATHx") in hop.events
        least = RESPAWN_CHANGE if is_dead else CUT_CHANGE
        if is_teleport(hop.events) and _change(before.frame, hop.frame) > least:
            found.append(Event(hop_time_s(number), "cut"))
            is_dead = False
    return found


def _change(before: Frame, after: Frame) -> float:
    return float(np.abs(after[::4, ::4].astype(np.int16) - before[::4, ::4]).mean())


def _write(piece: list[ShownHop], store: ClipStore, meta: ClipMeta) -> None:
    events = cuts(piece) + clip_events([hop.events for hop in piece], PLAYER)
    with store.writer(meta) as writer:
        for hop in piece:
            writer.add_frame(hop.frame)
        sound = np.concatenate([hop.sound for hop in piece])
        writer.finish(sound, sorted(events, key=lambda event: event.time_s))


def _meta(take: Take, clip_id: str) -> ClipMeta:
    return ClipMeta(
        clip_id=clip_id,
        split=take.split,
        source=OPENARENA,
        kind=KIND,
        width=PICTURE_SIZE,
        height=PICTURE_SIZE,
        wad=OPENARENA,
        map=take.map,
        seed=take.seed,
        origin=f"{take.name}{DEMO_SUFFIX}",
    )
