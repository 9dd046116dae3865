"""The figures of an evaluation, and how they are written down: JSON with pinned keys, Markdown for people."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sr_runtime.evaluate.classes import ClassRecall, class_table
from sr_runtime.evaluate.tolerance import Tolerance, tolerance_table


class OnsetScores(msgspec.Struct, frozen=True):
    """Onset F1 at 50 ms on the sparse clips, 0..1.

    Attributes:
        model: Of the generated sound.
        chance: Of its onsets at wrong times.
        ceiling: Of the real sound.
        vae: Of the real sound through the autoencoder; None where the bundle has no encoder.
    """

    model: float
    chance: float
    ceiling: float
    vae: float | None = None

    @property
    def way_to_ceiling(self) -> float:
        """Share of the way from chance to ceiling that the model has come."""
        span = self.ceiling - self.chance
        return (self.model - self.chance) / span if span > 0 else 0.0


class Offsets(msgspec.Struct, frozen=True):
    """Sync offsets of the sparse clips in ms, positive = late; None where no take has enough onsets.

    ``clips`` counts the takes that have: clips × seeds at most.
    """

    median: float | None
    p10: float | None
    p90: float | None
    clips: int


class Systems(msgspec.Struct, frozen=True):
    """One metric of the model and of its baselines; ``vae`` is None where the bundle has no encoder."""

    model: float
    vae: float | None
    silence: float
    noise: float
    other_clip: float


class Span(msgspec.Struct, frozen=True):
    """A bootstrap interval of 95 % over clips."""

    low: float
    high: float


class Distances(Systems, frozen=True):
    """A distribution distance, with what it takes to read it.

    Attributes:
        real_floor: Distance between two random halves of the real clips; None with fewer than 4 clips.
        interval: Of the model's figure.
        n: Embeddings of the model's sound.
        n_real: Embeddings of the real sound.
    """

    real_floor: float | None
    interval: Span
    n: int
    n_real: int


class Spread(msgspec.Struct, frozen=True):
    """One figure of the model over several seeds: mean, sample standard deviation, and each seed's value."""

    mean: float
    std: float
    values: list[float]


class SeedSpreads(msgspec.Struct, frozen=True, kw_only=True):
    """How much the model's figures move from seed to seed, each seed judged alone.

    ``offset_ms`` is None where a seed had too few onsets. The report's own figures are over all seeds
    together; a distance over fewer embeddings lies higher, so FAD's mean over seeds is not FAD over all.
    """

    seeds: int
    onset_f1: Spread
    offset_ms: Spread | None
    kl_yamnet: Spread
    kad_yamnet: Spread
    fad_yamnet: Spread
    loudness_corr: Spread
    side_agreement: Spread


class Settings(msgspec.Struct, frozen=True):
    """How the sound was drawn: guidance ω, evaluations per hop, sampler, and takes per clip."""

    guidance: float
    nfe: int
    sampler: str
    seeds: int


class HopTimes(msgspec.Struct, frozen=True):
    """Milliseconds of computing per hop, unpaced: an evaluation is no benchmark, see ``bench``."""

    p50: float
    p99: float
    worst: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that ``sr-runtime evaluate --json`` writes.

    ``kl_yamnet_sparse`` and ``kl_yamnet_dense`` split ``kl_yamnet`` by kind of clip; None without dense ones.
    ``seed_spread`` is None for a single seed, ``against`` without a reference, ``class_recall`` without
    stems.
    """

    n_clips: int
    n_sync_clips: int
    seconds: float
    onset_f1: OnsetScores
    offset_ms: Offsets
    kl_yamnet: Systems
    kl_yamnet_sparse: Systems
    kl_yamnet_dense: Systems | None
    kad_yamnet: Distances
    fad_yamnet: Distances
    loudness_corr: Systems
    side_agreement: Systems
    seed_spread: SeedSpreads | None
    against: Tolerance | None
    class_recall: dict[str, ClassRecall] | None
    hop_ms: HopTimes
    hops: int
    network: str
    settings: Settings
    model: str
    bundle_sha256: str
    device: str
    threads: int
    commit: str

    def spread_of(self, figure: str) -> Spread | None:
        """Return how much a figure moves from seed to seed; None for a single seed."""
        spread: Spread | None = None if self.seed_spread is None else getattr(self.seed_spread, figure)
        return spread


def write_json(report: msgspec.Struct, path: Path) -> None:
    """Write a report (or a sweep) as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")


def markdown(report: Report) -> str:
    """Return the report as a Markdown page."""
    against = [*tolerance_table(report.against), ""] if report.against else []
    classes = [*class_table(report.class_recall), ""] if report.class_recall else []
    tables = [*_sync_table(report), "", *classes, *_system_table(report), "", *against]
    return "\n".join([*_head(report), "", *tables])


def _head(report: Report) -> list[str]:
    settings = report.settings
    return [
        f"# Evaluation of `{report.model}`",
        "",
        f"Bundle sha256 `{report.bundle_sha256[:16]}`, commit `{report.commit}`, device {report.device} with "
        f"{report.threads} thread(s), {report.hop_ms.p50:.1f} ms per hop (p50, unpaced).",
        f"{report.n_clips} validation clips ({report.n_sync_clips} sparse with click ground truth), "
        f"{report.seconds:.0f} s, {settings.seeds} seed(s); guidance {settings.guidance:g}, "
        f"NFE {settings.nfe}, sampler {settings.sampler}.",
    ]


def _sync_table(report: Report) -> list[str]:
    onsets, offsets = report.onset_f1, report.offset_ms
    return [
        "| sync on sparse clips | model | chance | ceiling (real sound) | VAE |",
        "| --- | --- | --- | --- | --- |",
        f"| onset F1 at 50 ms ↑ | {_cell(onsets.model, report.spread_of('onset_f1'))} | "
        f"{onsets.chance:.3f} | {onsets.ceiling:.3f} | {_cell(onsets.vae)} |",
        "",
        f"The model has come {onsets.way_to_ceiling:.0%} of the way from chance to ceiling. "
        f"Offset in ms (positive = late): median {_ms(offsets.median)}, p10 {_ms(offsets.p10)}, "
        f"p90 {_ms(offsets.p90)} over {offsets.clips} takes with at least 3 onsets on both sides.",
    ]


def _system_table(report: Report) -> list[str]:
    network, kad, fad, spread = report.network, report.kad_yamnet, report.fad_yamnet, report.seed_spread
    return [
        "| against the real sound | model | VAE | silence | noise | other clip | real halves |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        _row(f"KL-{network} ↓ (nats)", report.kl_yamnet, report.spread_of("kl_yamnet")),
        _row("· sparse clips", report.kl_yamnet_sparse),
        *([_row("· dense clips", report.kl_yamnet_dense)] if report.kl_yamnet_dense else []),
        _row(f"KAD-{network} ↓ (n = {kad.n})", kad, report.spread_of("kad_yamnet"), kad.real_floor),
        _row(f"FAD-{network} ↓ (n = {fad.n})", fad, report.spread_of("fad_yamnet"), fad.real_floor),
        _row("loudness correlation ↑", report.loudness_corr, report.spread_of("loudness_corr")),
        _row(
            "left/right agreement ↑ (chance 0.5)", report.side_agreement, report.spread_of("side_agreement")
        ),
        "",
        *([f"± is the standard deviation over {spread.seeds} seeds, same clips.", ""] if spread else []),
        f"95 % over clips: KAD-{network} {_span(kad.interval)}, FAD-{network} {_span(fad.interval)}. "
        "“Other clip” is real sound, so its KAD and FAD are near 0 by construction.",
    ]


def _row(title: str, systems: Systems, spread: Spread | None = None, floor: float | None = None) -> str:
    others = [systems.vae, systems.silence, systems.noise, systems.other_clip, floor]
    cells = [_cell(systems.model, spread), *(_cell(other) for other in others)]
    return f"| {title} | {' | '.join(cells)} |"


def _cell(value: float | None, spread: Spread | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if spread is None else f"{value:.3f} ± {spread.std:.3f}"


def _span(span: Span) -> str:
    return f"[{span.low:.3f}, {span.high:.3f}]"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:+.0f}"
