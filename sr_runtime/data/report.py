"""Say what a clip store holds: hours, events, levels, stereo, silence, lags and rejected clips, with plots.

Called by ``sr-runtime record report``. Everything comes from the clips' own files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from sr_runtime.data.agent import MONSTERS
from sr_runtime.data.store import Clip
from sr_runtime.data.validate import BALANCE_EDGES_DB, MAX_LAG, ClipReport, StoreReport
from sr_runtime.errors import MissingDependency
from sr_runtime.types import HOP_HZ

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_NAMES = 24
"""Actors shown in the plot and the table; the rest are in the JSON."""


class Contents(msgspec.Struct, kw_only=True):
    """What happened in the clips of one split.

    Attributes:
        hours: of play.
        maps: map → minutes.
        kinds: kind of play → minutes.
        events: kind of event → how many.
        weapons: weapon slot → shots.
        monsters: Doom's monsters and barrels by class → how many were seen.
        actors: everything else that was seen, by class.
    """

    hours: float
    maps: dict[str, float]
    kinds: dict[str, float]
    events: dict[str, int]
    weapons: dict[str, int]
    monsters: dict[str, int]
    actors: dict[str, int]


class DatasetReport(msgspec.Struct, kw_only=True):
    """Contents by split, and what :mod:`sr_runtime.data.validate` measured."""

    splits: dict[str, Contents]
    store: StoreReport


def contents(clips: Iterable[Clip]) -> dict[str, Contents]:
    """Count the clips' events by split; clips whose files cannot be read are the validator's business."""
    by_split: dict[str, list[Clip]] = {}
    for clip in clips:
        by_split.setdefault(clip.split, []).append(clip)
    return {split: _count(found) for split, found in sorted(by_split.items())}


def _count(clips: list[Clip]) -> Contents:
    events = [event for clip in clips for event in clip.events]
    seen = [event.name for event in events if event.kind == "actor"]
    return Contents(
        hours=round(sum(clip.hops for clip in clips) / HOP_HZ / 3600, 3),
        maps=_minutes(clips, lambda clip: f"{clip.meta.wad} {clip.meta.map}".strip() or clip.meta.origin),
        kinds=_minutes(clips, lambda clip: clip.meta.kind),
        events=_sorted(Counter(event.kind for event in events if event.kind != "actor")),
        weapons=_sorted(Counter(f"weapon {event.value:.0f}" for event in events if event.kind == "shot")),
        monsters=_sorted(Counter(name for name in seen if name in MONSTERS)),
        actors=_sorted(Counter(name for name in seen if name not in MONSTERS)),
    )


def _minutes(clips: list[Clip], label: Callable[[Clip], str]) -> dict[str, float]:
    minutes: Counter[str] = Counter()
    for clip in clips:
        minutes[label(clip)] += clip.hops  # hops here, minutes below: integers add up exactly
    return {name: round(hops / HOP_HZ / 60, 1) for name, hops in sorted(minutes.items())}


def _sorted(counts: Counter[str]) -> dict[str, int]:
    return dict(counts.most_common())


def write_report(report: DatasetReport, folder: Path) -> None:
    """Write ``report.md``, ``report.json`` and ``report.png``.

    Raises:
        MissingDependency: matplotlib is not installed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    plot(report, folder / "report.png")
    (folder / "report.json").write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    (folder / "report.md").write_text(markdown(report), encoding="utf-8")


def markdown(report: DatasetReport) -> str:
    """Return the report as a page; it shows ``report.png`` beside it."""
    store, clips = report.store, report.store.clips
    lines = [
        "# What the recordings hold",
        "",
        "![plots](report.png)",
        "",
        f"Sound follows its picture by {store.lag_hops:+d} hops over all {len(clips)} clips "
        f"(r {store.lag_r:.2f}); "
        f"{len(store.rejected)} clips are rejected.",
        "",
        "| split | kind | clips | hours | level (RMS, dBFS) | silent hops | panned hops | onsets/s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_kind_row(split, kind, found) for (split, kind), found in _by_kind(clips)),
        "",
        *(line for split, held in report.splits.items() for line in _event_lines(split, held)),
        *_rejected_lines(store.rejected),
    ]
    return "\n".join(lines) + "\n"


def _by_kind(clips: list[ClipReport]) -> list[tuple[tuple[str, str], list[ClipReport]]]:
    groups: dict[tuple[str, str], list[ClipReport]] = {}
    for clip in clips:
        groups.setdefault((clip.split, clip.kind), []).append(clip)
    return sorted(groups.items())


def _kind_row(split: str, kind: str, clips: list[ClipReport]) -> str:
    def mean(field: str) -> float:
        return float(np.mean([getattr(clip, field) for clip in clips]))

    hours = sum(clip.seconds for clip in clips) / 3600
    return (
        f"| {split} | {kind} | {len(clips)} | {hours:.2f} | {mean('rms_dbfs'):.1f} | "
        f"{100 * mean('silent_share'):.0f} % | {100 * mean('panned_share'):.0f} % | "
        f"{mean('onsets_per_s'):.2f} |"
    )


def _event_lines(split: str, held: Contents) -> list[str]:
    def listed(counts: dict[str, int]) -> str:
        return ", ".join(f"{name} {count}" for name, count in list(counts.items())[:MOST_NAMES]) or "none"

    return [
        f"## {split}: {held.hours:.2f} h on {len(held.maps)} maps",
        "",
        f"* Events: {listed(held.events)}.",
        f"* Shots by weapon: {listed(held.weapons)}.",
        f"* Monsters and barrels seen: {listed(held.monsters)}.",
        f"* Other actors seen: {listed(held.actors)}.",
        "",
    ]


def _rejected_lines(rejected: list[ClipReport]) -> list[str]:
    return (
        ["## Rejected", "", *(f"* `{c.clip_id}`: {'; '.join(c.reasons)}" for c in rejected)]
        if rejected
        else []
    )


def plot(report: DatasetReport, path: Path) -> None:
    """Write six panels: minutes by map, events, actors, levels and silence, stereo, lags."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency(
            "plots need the package 'matplotlib'; run: pip install 'sr-runtime[evaluate]'"
        ) from error
    figure = Figure(figsize=(16, 10), layout="constrained")
    axes = figure.subplots(2, 3).ravel()
    train = report.splits.get("train") or next(iter(report.splits.values()))
    _bars(axes[0], train.maps, "minutes by map or arena")
    _bars(axes[1], {**train.events, **train.weapons}, "events (log)", log=True)
    seen = train.monsters or dict(list(train.actors.items())[:MOST_NAMES])
    _bars(
        axes[2], seen, "monsters and barrels seen (log)" if train.monsters else "actors seen (log)", log=True
    )
    _levels(axes[3], report.store.clips)
    _stereo(axes[4], report.store.clips)
    _lags(axes[5], report.store)
    figure.savefig(path, dpi=100)


def _bars(axes: Axes, counts: dict[str, Any], title: str, log: bool = False) -> None:
    axes.barh(list(counts), list(counts.values()), log=log)
    axes.invert_yaxis()
    axes.tick_params(axis="y", labelsize=min(7.0, 250 / max(1, len(counts))))
    axes.set_title(title)


def _levels(axes: Axes, clips: list[ClipReport]) -> None:
    for kind in sorted({clip.kind for clip in clips}):
        alike = [clip for clip in clips if clip.kind == kind]
        axes.scatter([c.rms_dbfs for c in alike], [100 * c.silent_share for c in alike], s=8, label=kind)
    axes.set_xlabel("level of a clip (RMS, dBFS)")
    axes.set_ylabel("silent hops (%)")
    axes.legend()
    axes.set_title("levels and silence, clip by clip")


def _stereo(axes: Axes, clips: list[ClipReport]) -> None:
    counts = np.sum([clip.balance_counts for clip in clips if clip.balance_counts], axis=0)
    labels = [f"{low:.0f}…{high:.0f}" for low, high in pairwise(BALANCE_EDGES_DB)]
    axes.bar(labels, counts / max(1, counts.sum()))
    axes.tick_params(axis="x", labelrotation=60, labelsize=8)
    axes.set_title("left minus right (dB), share of sounding hops")


def _lags(axes: Axes, store: StoreReport) -> None:
    curves = [clip.correlation for clip in store.clips if clip.correlation]
    lags = np.arange(-MAX_LAG, MAX_LAG + 1)
    for curve in curves:
        axes.plot(lags, curve, color="0.8", linewidth=0.4)
    axes.plot(lags, np.mean(curves, axis=0), color="tab:blue", linewidth=2)
    axes.set_xlabel("hops by which sound follows its picture")
    axes.set_title("correlation of picture and sound: clips, mean")
