"""Write an evaluation down as Markdown tables: every figure beside chance, ceiling and baselines.

Called by ``sr-runtime evaluate``, for the terminal, the folder, the HTML page and the README alike.
"""

from __future__ import annotations

from sr_runtime.evaluate.class_accuracy import accuracy_table
from sr_runtime.evaluate.classes import class_table
from sr_runtime.evaluate.missed import missed_table
from sr_runtime.evaluate.report import Offsets, Report, Span, Spread, SyncScores, Systems
from sr_runtime.evaluate.silence import silence_table
from sr_runtime.evaluate.soundnet import NETWORK as SOUNDNET
from sr_runtime.evaluate.systems import LABELS, SYSTEMS
from sr_runtime.evaluate.tolerance import tolerance_table


def markdown(report: Report) -> str:
    """Return the report as a Markdown page."""
    against = [*tolerance_table(report.against), ""] if report.against else []
    classes = [*class_table(report.class_recall), ""] if report.class_recall else []
    classes += [*accuracy_table(report.class_accuracy), ""] if report.class_accuracy else []
    tables = [*_sync_table(report), "", *classes, *_system_table(report), ""]
    tables += [*silence_table(report.silence), ""]
    tables += [*missed_table(report.missed), ""] if report.missed else []
    tables += against
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
    onsets = report.onset_f1
    return [
        "| sync on sparse clips | onset F1 at 50 ms ↑ | chance | precision ↑ | recall ↑ "
        "| offset in ms: median [p10, p90] |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_sync_row(name, report) for name in (*SYSTEMS, "real") if name in report.sync),
        "",
        f"The model has come {onsets.way_to_ceiling:.0%} of the way from its chance to the ceiling, the real "
        f"sound's own F1. Offsets (positive = late) are over {report.offset_ms.clips} takes of the model "
        "with at least 3 onsets on both sides.",
    ]


def _sync_row(name: str, report: Report) -> str:
    scores: SyncScores = report.sync[name]
    spread = report.spread_of("onset_f1") if name == "model" else None
    cells = [
        LABELS[name] + (" (ceiling)" if name == "real" else ""),
        _cell(scores.onset_f1, spread),
        *(_cell(value) for value in (scores.chance, scores.precision, scores.recall)),
        _offset_cell(scores.offset_ms),
    ]
    return f"| {' | '.join(cells)} |"


def _offset_cell(offsets: Offsets) -> str:
    return (
        "–" if offsets.median is None else f"{offsets.median:+.0f} [{offsets.p10:+.0f}, {offsets.p90:+.0f}]"
    )


def _system_table(report: Report) -> list[str]:
    network, kad, fad, spread = report.network, report.kad_yamnet, report.fad_yamnet, report.seed_spread
    return [
        f"| against the real sound | {' | '.join(LABELS[name] for name in SYSTEMS)} | real halves |",
        "| --- |" + " --- |" * (len(SYSTEMS) + 1),
        _row(f"KL-{network} ↓ (nats)", report.kl_yamnet, report.spread_of("kl_yamnet")),
        _row("· sparse clips", report.kl_yamnet_sparse),
        *([_row("· dense clips", report.kl_yamnet_dense)] if report.kl_yamnet_dense else []),
        _row(f"KAD-{network} ↓ (n = {kad.n})", kad, report.spread_of("kad_yamnet"), kad.real_floor),
        _row(f"FAD-{network} ↓ (n = {fad.n})", fad, report.spread_of("fad_yamnet"), fad.real_floor),
        *_soundnet_rows(report),
        _row("loudness correlation ↑", report.loudness_corr, report.spread_of("loudness_corr")),
        _row(
            "left/right agreement ↑ (chance 0.5)", report.side_agreement, report.spread_of("side_agreement")
        ),
        "",
        *([f"± is the standard deviation over {spread.seeds} seeds, same clips.", ""] if spread else []),
        f"95 % over clips: {_intervals(report)}. "
        "“Other clip” and retrieval replay real sound: KAD and FAD cannot judge them, the paired figures do.",
        *([f"Retrieval chose from {report.retrieval_hops} training pictures."] * bool(report.retrieval_hops)),
    ]


def _soundnet_rows(report: Report) -> list[str]:
    named = (("KAD", report.kad_soundnet), ("FAD", report.fad_soundnet))
    return [
        _row(f"{name}-{SOUNDNET} ↓ (n = {found.n})", found, None, found.real_floor)
        for name, found in named
        if found is not None
    ]


def _row(title: str, systems: Systems, spread: Spread | None = None, floor: float | None = None) -> str:
    others = [*(getattr(systems, name) for name in SYSTEMS[1:]), floor]
    cells = [_cell(systems.model, spread), *(_cell(other) for other in others)]
    return f"| {title} | {' | '.join(cells)} |"


def _cell(value: float | None, spread: Spread | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if spread is None else f"{value:.3f} ± {spread.std:.3f}"


def _intervals(report: Report) -> str:
    named = {
        f"KAD-{report.network}": report.kad_yamnet,
        f"FAD-{report.network}": report.fad_yamnet,
        f"KAD-{SOUNDNET}": report.kad_soundnet,
        f"FAD-{SOUNDNET}": report.fad_soundnet,
    }
    return ", ".join(f"{name} {_span(found.interval)}" for name, found in named.items() if found is not None)


def _span(span: Span) -> str:
    return f"[{span.low:.3f}, {span.high:.3f}]"
