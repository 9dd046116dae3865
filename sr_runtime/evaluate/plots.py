"""Draw an evaluation: bars beside their baselines, spectrograms, and onsets against the truth.

matplotlib's object interface only: no window system, no global state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from sr_runtime.errors import MissingDependency
from sr_runtime.evaluate.evaluation import Example
from sr_runtime.evaluate.report import Distances, Report, Spread, Systems
from sr_runtime.evaluate.scores import Take, onset_pairs
from sr_runtime.evaluate.sync import chance_lags, onset_lags
from sr_runtime.evaluate.systems import LABELS, SYSTEMS
from sr_runtime.types import SAMPLE_RATE, Audio

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLOURS: Final = {
    "model": "tab:blue",
    "vae": "tab:green",
    "silence": "0.75",
    "noise": "0.6",
    "other_clip": "0.45",
    "retrieval": "tab:orange",
    "retrieval_coded": "tab:brown",
    "chance": "0.75",
    "ceiling": "tab:green",
}
_DPI: Final = 110
_WINDOW: Final = 2048
_STEP: Final = 480
_FLOOR_DB: Final = -90.0
_RASTER_CLIPS: Final = 8
_REACH_S: Final = 0.3
_BIN_S: Final = 0.02


def plot_bars(report: Report, path: Path) -> None:
    """Write one panel per metric: the model beside its baselines, chance and ceiling."""
    figure = _figure(13, 6.5)
    axes = figure.subplots(2, 3).ravel()
    _onset_bars(axes[0], report)
    _system_bars(axes[1], report.kl_yamnet, f"KL-{report.network} ↓", report.spread_of("kl_yamnet"))
    _system_bars(axes[2], report.kad_yamnet, f"KAD-{report.network} ↓ (n = {report.kad_yamnet.n})")
    _system_bars(axes[3], report.fad_yamnet, f"FAD-{report.network} ↓ (n = {report.fad_yamnet.n})")
    _system_bars(axes[4], report.loudness_corr, "loudness correlation ↑", report.spread_of("loudness_corr"))
    side = report.spread_of("side_agreement")
    _system_bars(axes[5], report.side_agreement, "left/right agreement ↑ (chance 0.5)", side, line=0.5)
    figure.suptitle(f"{report.model}, {report.n_clips} validation clips, commit {report.commit}")
    figure.savefig(path, dpi=_DPI)


def plot_spectrograms(examples: Sequence[Example], path: Path) -> None:
    """Write spectrograms of each example's sounds: one column per clip, real and generated first."""
    names = [name for name in ("real", "model", "vae", "retrieval") if name in examples[0].sounds]
    figure = _figure(6 * len(examples), 2.7 * len(names))
    axes = figure.subplots(len(names), len(examples), squeeze=False)
    for column, example in enumerate(examples):
        for row, name in enumerate(names):
            title = f"{example.clip.clip.clip_id}: real" if name == "real" else LABELS[name]
            _spectrogram(axes[row, column], example.sounds[name], title)
    figure.savefig(path, dpi=_DPI)


def plot_onsets(takes: Mapping[str, Sequence[Take]], path: Path) -> None:
    """Write the onsets of the sparse clips as rows of ticks: the truth, the model's, retrieval's."""
    shown = [name for name in ("model", "retrieval") if name in takes]
    chosen = [take for take in takes["real"] if take.clip.judges_sync][:_RASTER_CLIPS]
    height = len(shown) + 1.5
    figure = _figure(13, 1 + 0.4 * height * max(1, len(chosen)))
    axes = figure.subplots()
    for row, real in enumerate(chosen):
        true = real.clip.clip.meta.click_onsets_s or []
        axes.eventplot(true, lineoffsets=height * row, linelengths=0.9, colors="black")
        for line, name in enumerate(shown, start=1):
            take = next(take for take in takes[name] if take.clip is real.clip)
            offset = height * row + line
            axes.eventplot(take.onsets_s, lineoffsets=offset, linelengths=0.9, colors=_COLOURS[name])
    axes.set_yticks([height * row + len(shown) / 2 for row in range(len(chosen))])
    axes.set_yticklabels([take.clip.clip.clip_id for take in chosen])
    axes.set_xlabel(f"seconds (black: true onsets, blue: model{', orange: retrieval' * (len(shown) > 1)})")
    axes.invert_yaxis()
    figure.savefig(path, dpi=_DPI)


def plot_offsets(takes: Mapping[str, Sequence[Take]], path: Path) -> None:
    """Write how far generated onsets lie from true ones, per true onset: model, real sound and chance."""
    figure = _figure(9, 4)
    axes = figure.subplots()
    edges = np.arange(-_REACH_S, _REACH_S + 1e-9, _BIN_S)
    centres_ms = 1000 * (edges[:-1] + edges[1:]) / 2
    for name, colour in (("model", "tab:blue"), ("real", "black")):
        pairs = onset_pairs(takes[name])
        count = max(1, sum(len(pair.reference) for pair in pairs))
        heights = np.histogram(onset_lags(pairs, _REACH_S), edges)[0] / count
        if name == "real":
            axes.step(centres_ms, heights, where="mid", color=colour, label="real sound, as detected")
            continue
        axes.bar(centres_ms, heights, width=1000 * _BIN_S, color=colour, label="model")
        by_chance = [np.histogram(lags, edges)[0] for lags in chance_lags(pairs, _REACH_S)]
        axes.plot(
            centres_ms, np.mean(by_chance, axis=0) / count, ":", color="0.4", label="model, at wrong times"
        )
    axes.set_xlabel("generated minus true onset in ms (positive = late)")
    axes.set_ylabel("per true onset")
    axes.legend()
    figure.savefig(path, dpi=_DPI)


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependency(
            "plots need the package 'matplotlib'; run: pip install 'sr-runtime[evaluate]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def _onset_bars(axes: Axes, report: Report) -> None:
    onsets = report.onset_f1
    values = {"model": onsets.model, "chance": onsets.chance}
    values |= {name: report.sync[name].onset_f1 for name in SYSTEMS[1:] if name in report.sync}
    values["ceiling"] = onsets.ceiling
    _bars(axes, values, f"onset F1 at 50 ms ↑ ({report.n_sync_clips} sparse clips)")
    _error_bar(axes, report.onset_f1.model, report.spread_of("onset_f1"))


def _error_bar(axes: Axes, value: float, spread: Spread | None) -> None:
    if spread is not None:
        axes.vlines(0, value - spread.std, value + spread.std, colors="black", linewidth=2)


def _system_bars(
    axes: Axes, systems: Systems, title: str, spread: Spread | None = None, line: float | None = None
) -> None:
    values = {name: getattr(systems, name) for name in SYSTEMS if getattr(systems, name) is not None}
    _bars(axes, values, title)
    _error_bar(axes, systems.model, spread)
    if line is not None:
        axes.axhline(line, color="black", linewidth=0.8, linestyle=":")
    if isinstance(systems, Distances):
        if systems.real_floor is not None:
            axes.axhline(systems.real_floor, color="tab:green", linewidth=0.8, linestyle="--")
        # Silence lies hundreds of times farther than a model: linear bars would show nothing else.
        axes.set_yscale("symlog", linthresh=1.0)
        low, high = systems.interval.low, systems.interval.high
        axes.vlines(0, low, high, colors="black", linewidth=2)


def _bars(axes: Axes, values: dict[str, float], title: str) -> None:
    names = list(values)
    drawn = axes.bar(names, list(values.values()), color=[_COLOURS[name] for name in names])
    axes.bar_label(drawn, fmt="%.3g", fontsize=8)
    axes.margins(y=0.12)
    axes.set_title(title, fontsize=10)
    axes.tick_params(axis="x", labelsize=8, rotation=20)


def _spectrogram(axes: Axes, audio: Audio, title: str) -> None:
    seconds = len(audio) / SAMPLE_RATE
    axes.imshow(
        _spectrum_db(audio).T,
        origin="lower",
        aspect="auto",
        extent=(0, seconds, 0, SAMPLE_RATE / 2000),
        vmin=_FLOOR_DB,
        vmax=-10,
        cmap="magma",
    )
    axes.set_ylim(0, 14)
    axes.set_title(title, fontsize=9)
    axes.set_xlabel("s")
    axes.set_ylabel("kHz")


def _spectrum_db(audio: Audio) -> npt.NDArray[np.float64]:
    """Return magnitudes of the mono mix in dBFS, float64 (spectra, 1025)."""
    mono = np.pad(audio.mean(axis=1), (0, _WINDOW))
    shape = np.hanning(_WINDOW).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(mono, _WINDOW)[::_STEP] * shape
    magnitude = np.abs(np.fft.rfft(frames, axis=1)) * (2 / shape.sum())
    return np.asarray(20 * np.log10(magnitude + 1e-6))
