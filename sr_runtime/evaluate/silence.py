"""Judge silence: is a sound quiet when the game is, and only then?

A game is silent between its sounds. A model that hums through the gaps, or rests while the game sounds, shows
here and in hardly any other figure. Called by the report.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from sr_runtime.evaluate.paired import SILENCE_DB, SILENCE_WINDOW_S, BoolArray, FloatArray
from sr_runtime.evaluate.scores import Take
from sr_runtime.evaluate.systems import LABELS, SYSTEMS

ALL_KINDS: Final = "all"


class SilenceScores(msgspec.Struct, frozen=True, kw_only=True):
    """Silence of one system.

    Attributes:
        precision: Share of its silent windows in which the real sound is silent too; None if it never is.
        recall: Share of the real silent windows in which it is silent; None where the real sound never is.
        chance_precision: Precision of the same silences at wrong times of the same clips.
        chance_recall: Their recall.
    """

    precision: float | None
    recall: float | None
    chance_precision: float | None
    chance_recall: float | None


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Silence on the clips of one kind.

    Attributes:
        windows: Of 0.1 s, over all clips.
        silent_share: Share of them in which the real sound is silent.
        systems: System → its scores.
    """

    windows: int
    silent_share: float
    systems: dict[str, SilenceScores]


def silences(takes: Mapping[str, Sequence[Take]]) -> dict[str, Silence]:
    """Judge the silence of every system on all clips, and on those of each kind.

    Args:
        takes: System → takes; ``real`` must be there.

    Returns:
        ``all`` and each kind of clip → its scores.
    """
    kinds = dict.fromkeys(take.clip.clip.meta.kind for take in takes["real"])
    found = {ALL_KINDS: _silence(takes)}
    # One kind alone would say the same twice.
    if len(kinds) > 1:
        found |= {kind: _silence(_of_kind(takes, kind)) for kind in kinds}
    return found


def silence_table(found: Mapping[str, Silence]) -> list[str]:
    """Return precision and recall as Markdown lines, chance in brackets."""
    there = [name for name in SYSTEMS if name in found[ALL_KINDS].systems]
    shares = ", ".join(f"{kind} {silence.silent_share:.0%}" for kind, silence in found.items())
    return [
        f"| silence ({SILENCE_WINDOW_S * 1000:.0f} ms below {SILENCE_DB:.0f} dBFS) | "
        f"{' | '.join(LABELS[name] for name in there)} |",
        "| --- |" + " --- |" * len(there),
        *(_row("precision", kind, silence, there) for kind, silence in found.items()),
        *(_row("recall", kind, silence, there) for kind, silence in found.items()),
        "",
        "In brackets: the same silences at wrong times of the same clips. The real sound is silent in: "
        f"{shares} of the windows.",
    ]


def _row(figure: str, kind: str, silence: Silence, systems: Sequence[str]) -> str:
    title = f"{figure}, all clips ↑" if kind == ALL_KINDS else f"· {kind}"
    cells = []
    for name in systems:
        value = getattr(silence.systems[name], figure)
        chance = getattr(silence.systems[name], f"chance_{figure}")
        cells.append("–" if value is None else f"{value:.2f} ({chance:.2f})")
    return f"| {title} | {' | '.join(cells)} |"


def _of_kind(takes: Mapping[str, Sequence[Take]], kind: str) -> dict[str, list[Take]]:
    return {name: [t for t in of_one if t.clip.clip.meta.kind == kind] for name, of_one in takes.items()}


def _silence(takes: Mapping[str, Sequence[Take]]) -> Silence:
    truth = {take.clip.index: take.is_silent for take in takes["real"]}
    windows = sum(len(silent) for silent in truth.values())
    share = sum(int(silent.sum()) for silent in truth.values()) / max(1, windows)
    systems = {
        name: _scores(np.array([_counts(take, truth[take.clip.index]) for take in takes[name]]))
        for name in SYSTEMS
        if takes.get(name)
    }
    return Silence(windows=windows, silent_share=share, systems=systems)


def _counts(take: Take, real: BoolArray) -> FloatArray:
    """Return the windows in which both, this sound, the real one, and by chance both are silent.

    A circular shift by a random time makes every pairing of this sound's windows with the real one's equally
    likely, so that what it would match on average needs no draws.
    """
    ours, theirs = float(take.is_silent.sum()), float(real.sum())
    return np.array([(take.is_silent & real).sum(), ours, theirs, ours * theirs / max(1, len(real))])


def _scores(counts: FloatArray) -> SilenceScores:
    both, ours, theirs, by_chance = counts.sum(axis=0)
    return SilenceScores(
        precision=_ratio(both, ours),
        recall=_ratio(both, theirs),
        chance_precision=_ratio(by_chance, ours),
        chance_recall=_ratio(by_chance, theirs),
    )


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole else None
