"""Say what sounds where a model rests: the events at the beginning of each silence that is none in the game.

Silence precision alone does not tell whether a model misses what can be seen (a door that opens) or what
cannot (the player's grunt at a wall). Sparse clips only: in dense play something always happens. Called by
the report.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from sr_runtime.data.store import Event
from sr_runtime.evaluate.paired import SILENCE_WINDOW_S
from sr_runtime.evaluate.scores import Take

_MAKE_NO_SOUND: Final = frozenset({"actor", "cut", "item", "weapon"})
_BEFORE_S: Final = 0.35
"""How long before such a silence what it misses may have begun: the model's last sound can hide its start."""
_AFTER_S: Final = 0.15
NOTHING: Final = "nothing that the log knows"
_ROWS: Final = 6


class Missed(msgspec.Struct, frozen=True, kw_only=True):
    """What the model misses on the sparse clips.

    Attributes:
        windows: Windows of 0.1 s in which it is silent and the game is not.
        silent: All in which it is silent.
        causes: Kinds of event at the beginnings of those silences → windows, most first.
    """

    windows: int
    silent: int
    causes: dict[str, int]


def missed_sounds(takes: Mapping[str, Sequence[Take]]) -> Missed | None:
    """Count what happened when the model began to rest and the game did not.

    Args:
        takes: System → takes; ``real`` and ``model`` must be there.

    Returns:
        None where no sparse clip has an event log.
    """
    truth = {take.clip.index: take.is_silent for take in takes["real"]}
    ours = [take for take in takes["model"] if take.clip.judges_sync and take.clip.clip.events]
    if not ours:
        return None
    causes: Counter[str] = Counter()
    for take in ours:
        for start, count in _runs(take.is_silent & ~truth[take.clip.index]):
            causes[_cause(take.clip.clip.events, start * SILENCE_WINDOW_S)] += count
    silent = sum(int(take.is_silent.sum()) for take in ours)
    return Missed(windows=causes.total(), silent=silent, causes=dict(causes.most_common()))


def missed_table(missed: Missed) -> list[str]:
    """Return the most frequent causes as Markdown lines."""
    whole = max(1, missed.windows)
    shown = list(missed.causes.items())[:_ROWS]
    rest = missed.windows - sum(count for _, count in shown)
    return [
        "| what sounds where the model is silent, sparse clips | share of those windows |",
        "| --- | --- |",
        *(f"| {cause} | {count / whole:.0%} |" for cause, count in shown),
        *([f"| other | {rest / whole:.0%} |"] if rest else []),
        "",
        "By the events at the beginning of each such silence; "
        f"{missed.windows} of {missed.silent} silent windows of 0.1 s.",
    ]


def _runs(flags: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield start and length of every run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], flags.astype(np.int8), [0]))))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        yield int(start), int(end - start)


def _cause(events: Sequence[Event], start_s: float) -> str:
    kinds = {e.kind for e in events if start_s - _BEFORE_S <= e.time_s <= start_s + _AFTER_S}
    return " and ".join(sorted(kinds - _MAKE_NO_SOUND)) or NOTHING
