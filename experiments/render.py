"""Write what was measured into ``docs/research.md``: tables between their markers, plots beside the page.

    python -m experiments.render --out runs/experiments

Tables without results keep what stands there. The rows' figures are copied beside the plots, so that the page
can be checked without running anything.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer

from experiments.codec import Codec
from experiments.drift import Drift
from experiments.limits import Distance, Divergence, Limits
from experiments.plots import plot_drift, plot_table
from experiments.results import Result, read, spread
from experiments.steering import SteeringTable
from experiments.table import Table
from sr_runtime.marked import fill

Found = TypeVar("Found")

TABLES = (
    "vision",
    "sampler",
    "ect",
    "guidance",
    "window",
    "single_stage",
    "head_size",
    "pca_levels",
    "cross_domain",
    "upper_bound",
)
"""Modules, in the order of the page."""

COLUMNS = {
    "onset_f1": ("onset F1 ↑", "{:.3f}"),
    "onset_chance": ("chance", "{:.3f}"),
    "kl_sparse": ("KL sparse ↓", "{:.3f}"),
    "kl_dense": ("KL dense ↓", "{:.3f}"),
    "kad": ("KAD ↓", "{:.2f}"),
    "loudness": ("loudness ↑", "{:.3f}"),
    "side": ("left/right ↑", "{:.3f}"),
}
"""Metric → heading and format."""


RIVALS = {
    "model": "the model",
    "code": "the code alone",
    "sparse": "another class of scene: the real sound of all sparse clips",
    "noise": "noise of each clip's level",
}
"""Of whose distances there are; see :class:`experiments.limits.Limits`."""

CODEC_COLUMNS = {
    "log_magnitude": ("log magnitude ↓", "{:.3f}"),
    "band_level": ("band levels ↓", "{:.3f}"),
    "stereo_error_db": ("left − right, dB ↓", "{:.2f}"),
    "kl_sparse": ("KL sparse ↓", "{:.3f}"),
    "kl_dense": ("KL dense ↓", "{:.3f}"),
    "kad": ("KAD ↓", "{:.2f}"),
    "kad_soundnet": ("KAD-SoundNet ↓", "{:.2f}"),
    "onset_f1": ("onset F1 ↑", "{:.3f}"),
    "offset_ms": ("offset, ms", "{:+.0f}"),
}
"""The autoencoder's metrics."""


def command(
    out: Annotated[Path, typer.Option(help="Folder of results, as the tables were given it.")],
    page: Annotated[Path, typer.Option(help="The page to write into.")] = Path("docs/research.md"),
) -> None:
    """Write every table and plot that has results."""
    pictures = page.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    for name in TABLES:
        table = load_table(name)
        if rows := results_of(table, out):
            plot_table(table, rows, pictures / f"{name}.png")
            (pictures / f"{name}.json").write_text(_json(rows))
            fill(page, name, "\n".join(table_lines(rows, f"{pictures.name}/{name}")))
    if (out / "rollout_speed.json").exists():
        fill(
            page,
            "rollout_speed",
            "\n".join(speed_lines(json.loads((out / "rollout_speed.json").read_text()))),
        )
    _fill_one(out, page, "limits", Limits, limits_lines)
    _fill_one(out, page, "steering", SteeringTable, steering_lines)
    _fill_one(out, page, "codec", Codec, codec_lines)
    if (out / "drift.json").exists():
        drift = msgspec.json.decode((out / "drift.json").read_bytes(), type=Drift)
        plot_drift(drift, pictures / "drift.png")
        (pictures / "drift.json").write_text(_json(drift))
        fill(page, "drift", "\n".join(drift_lines(drift, f"{pictures.name}/drift")))


def _fill_one(
    out: Path, page: Path, name: str, kind: type[Found], lines: Callable[[Found, str], list[str]]
) -> None:
    """Write what one command found into the page, and its figures beside it, if it has been run."""
    path, pictures = out / f"{name}.json", page.with_suffix("")
    if path.exists():
        found = msgspec.json.decode(path.read_bytes(), type=kind)
        (pictures / path.name).write_text(_json(found))
        fill(page, name, "\n".join(lines(found, f"{pictures.name}/{name}")))


def load_table(name: str) -> Table:
    """Return the table of a module."""
    table = importlib.import_module(f"experiments.{name}").TABLE
    assert isinstance(table, Table)
    return table


def results_of(table: Table, out: Path) -> list[Result]:
    """Return the results that there are, in the table's order."""
    paths = [out / table.name / f"{row.name}.json" for row in table.rows]
    return [read(path) for path in paths if path.exists()]


def table_lines(rows: Sequence[Result], stem: str) -> list[str]:
    """Return a table as Markdown, with what made it."""
    has_training = any("steps" in row.training for row in rows)
    has_encoder = any("encoder_ms" in row.extra for row in rows)
    heads = ["", *(head for head, _ in COLUMNS.values())]
    heads += (["error ↓", "steps"] if has_training else []) + (["encoder ms"] if has_encoder else [])
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for row in rows:
        cells = [row.label, *(_cell(row.values(metric), form) for metric, (_, form) in COLUMNS.items())]
        cells += _training_cells(row) if has_training else []
        cells += [f"{row.extra.get('encoder_ms', float('nan')):.1f}"] if has_encoder else []
        lines.append(f"| {' | '.join(cells)} |")
    first = rows[0]
    return [
        *lines,
        "",
        f"![{stem}]({stem}.png)",
        "",
        f"{_counts(rows)} validation clips, {len(first.seeds)} seeds (mean ± standard deviation over seeds); "
        f"the real sound's own onset F1 is {first.ceiling['onset_f1']:.3f}. {_network_line(rows)} "
        f"Commit {', '.join(sorted({f'`{row.commit}`' for row in rows}))}; every row's figures: "
        f"[{stem}.json]({stem}.json).",
        "",
        *(f"    {text}" for text in sorted({row.command for row in rows})),
    ]


def codec_lines(codec: Codec, stem: str) -> list[str]:
    """Return the autoencoder's rows as Markdown, and what looking ahead gains with as many weights."""
    lines = [
        f"| | {' | '.join(head for head, _ in CODEC_COLUMNS.values())} | weights |",
        "|" + " --- |" * (len(CODEC_COLUMNS) + 2),
    ]
    for row in codec.rows:
        cells = [
            form.format(row.figures[metric]) if metric in row.figures else "–"
            for metric, (_, form) in CODEC_COLUMNS.items()
        ]
        weights = f"{row.weights / 1e3:.0f} k" if row.weights else "–"
        lines.append(f"| {row.label} | {' | '.join(cells)} | {weights} |")
    rows = {row.row: row.figures for row in codec.rows}
    gaps = [
        f"{hops} hops: {', '.join(_gap(rows[f'causal-{hops}'], rows[f'noncausal-{hops}']))}"
        for hops in (3, 5)
        if f"causal-{hops}" in rows and f"noncausal-{hops}" in rows
    ]
    return [
        *lines,
        "",
        f"What causality costs at the same size (positive: the decoder that looks ahead is better): "
        f"{'; '.join(gaps)}.",
        "",
        f"{codec.clips} validation clips; chance of the onset F1 {codec.onset_chance:.3f}, the real sound's "
        f"own {codec.onset_ceiling:.3f}. Commit `{codec.commit}`; every figure: [{stem}.json]({stem}.json).",
        "",
        f"    {codec.command}",
    ]


def _gap(causal: dict[str, float], ahead: dict[str, float]) -> list[str]:
    """Return by how many per cent of the causal decoder's error the other's is smaller."""
    names = {
        "log_magnitude": "log magnitude",
        "band_level": "band levels",
        "kl_dense": "KL dense",
        "kad": "KAD",
    }
    return [f"{label} {100 * (1 - ahead[metric] / causal[metric]):+.1f} %" for metric, label in names.items()]


def limits_lines(limits: Limits, stem: str) -> list[str]:
    """Return what is left to be won as Markdown: two tables."""
    sides = limits.sides
    parts: dict[str, Callable[[Divergence], str]] = {
        "a take from the real one": lambda kind: _cell(kind.takes, "{:.2f}"),
        "the mean of all takes' posteriors from the real one": lambda kind: f"{kind.mean_take:.2f}",
        "a take from another take": lambda kind: f"{kind.between_takes:.2f}",
        "the code alone from the real one": lambda kind: f"{kind.code:.2f}",
        "another clip's real sound from the real one": lambda kind: f"{kind.other_clips:.2f}",
    }
    lines = ["| KL of YAMNet's posteriors, nats | dense clips | sparse clips |", "| --- | --- | --- |"]
    lines += [f"| {label} | {cell(limits.dense)} | {cell(limits.sparse)} |" for label, cell in parts.items()]
    return [
        *lines,
        "",
        "| KAD-YAMNet from the dense clips' real sound | | 95 % over clips | beyond the model, same draws |",
        "| --- | --- | --- | --- |",
        *(
            f"| {label} | {apart.value:.2f} | [{apart.low:.2f}, {apart.high:.2f}] | {_beyond(apart)} |"
            for name, label in RIVALS.items()
            for apart in [limits.distances[name]]
        ),
        "",
        "| share of clearly panned windows that lean to the true side | |",
        "| --- | --- |",
        f"| the model's takes | {_cell(sides.takes, '{:.3f}')} |",
        f"| the likelier side, read off the picture by a linear map | {sides.picture:.3f} |",
        f"| the same, of the fifth of the windows where the map is surest | {sides.surest_fifth:.3f} |",
        f"| a side drawn by the map's own odds | {sides.drawn:.3f} |",
        "",
        f"{limits.clips} validation clips, {limits.seeds} seeds; {sides.windows} windows, the map fitted to "
        f"{sides.fitted_windows} of training levels. Network `{limits.network}`, commit `{limits.commit}`; "
        f"every figure: [{stem}.json]({stem}.json).",
        "",
        f"    {limits.command}",
    ]


def _beyond(apart: Distance) -> str:
    return "" if apart.beyond_model is None else "[{:.2f}, {:.2f}]".format(*apart.beyond_model)


def steering_lines(found: SteeringTable, stem: str) -> list[str]:
    """Return what turning the sound does as Markdown."""
    heads = ["", *(head for head, _ in COLUMNS.values()), "hops turned", "changes of side a second"]
    lines = [f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
    for row in found.rows:
        cells = [
            _cell([figures[metric] for figures in row.figures if metric in figures], form)
            for metric, (_, form) in COLUMNS.items()
        ]
        lines.append(f"| {row.label} | {' | '.join(cells)} | {100 * row.turned:.0f} % | {row.jumps:.2f} |")
    return [
        *lines,
        "",
        f"{found.clips} validation clips, {found.seeds} seeds; the real sound changes sides "
        f"{found.real_jumps:.2f} times a second. Network `{found.network}`, commit "
        f"`{found.commit}`; every figure: [{stem}.json]({stem}.json).",
        "",
        f"    {found.command}",
    ]


def drift_lines(drift: Drift, stem: str) -> list[str]:
    """Return the hour as Markdown."""
    first, last = drift.takes[0], drift.takes[-1]
    lines = [
        f"| {drift.minutes:.0f} minutes, {len(drift.seeds)} seeds | real | first take | last take |",
        "| --- | --- | --- | --- |",
        f"| KAD against the real take | | {drift.kad[0]:.2f} | {drift.kad[-1]:.2f} |",
    ]
    names = {
        "loudness_db": ("loudness, dBFS", "{:.1f}"),
        "centroid_hz": ("spectral centroid, Hz", "{:.0f}"),
        "silence": ("share of silent tenths of a second", "{:.3f}"),
        "loop": ("largest autocorrelation at 0.5–20 s", "{:.2f}"),
    }
    for name, (label, form) in names.items():
        cells = [_cell([seed[name] for seed in take], form) for take in (first, last)]
        lines.append(f"| {label} | {form.format(drift.real[name])} | {' | '.join(cells)} |")
    ratio = drift.ratio
    steered = f"steered by `{drift.steering}`" if drift.steering else "as it draws"
    return [
        *lines,
        "",
        f"KAD of the last take over that of the first: {ratio['value']:.2f}, 95 % of bootstrap draws in "
        f"[{ratio['low']:.2f}, {ratio['high']:.2f}]; KAD of the last against the first: "
        f"{ratio['last_from_first']:.2f}.",
        "",
        f"![{stem}]({stem}.png)",
        "",
        f"Network `{drift.network}` ({_facts(drift.training)}), {steered}, commit `{drift.commit}`; figures "
        f"of every take: [{stem}.json]({stem}.json).",
        "",
        f"    {drift.command}",
    ]


def speed_lines(found: dict[str, Any]) -> list[str]:
    """Return the speed of rolling out as Markdown."""
    lines = ["| batch | precision | ms a hop | CPU ms a hop | hops/s |", "|" + " --- |" * 5]
    for row in found["rows"]:
        precision = "bf16" if row["bf16"] else "fp32"
        rate = 1000 * row["batch"] / row["wall_ms"]
        lines.append(
            f"| {row['batch']} | {precision} | {row['wall_ms']:.0f} | {row['cpu_ms']:.0f} | {rate:.0f} |"
        )
    threads = found["rows"][0]["threads"]
    return [*lines, "", f"{threads} thread(s), four evaluations a hop, commit `{found['commit']}`."]


def _training_cells(row: Result) -> list[str]:
    error = row.training.get("error")
    return ["–" if error is None else f"{error:.3f}", str(round(row.training.get("steps", 0)))]


def _network_line(rows: Sequence[Result]) -> str:
    if "steps" in rows[0].training:
        sizes = [row.training["weights"] for row in rows]
        size = f"{min(sizes) / 1e6:.1f}" + (f"–{max(sizes) / 1e6:.1f}" if min(sizes) != max(sizes) else "")
        return f"Networks of {size} M weights."
    names = {row.network: _facts(row.training) for row in rows}
    return " ".join(f"Network `{name}` ({facts})." for name, facts in names.items())


def _counts(rows: Sequence[Result]) -> str:
    """Return how many clips the rows were judged on."""
    return " or ".join(str(count) for count in sorted({row.clips for row in rows}))


def _facts(training: dict[str, object]) -> str:
    return ", ".join(f"{key} {value}" for key, value in training.items() if key in ("stage", "hours"))


def _cell(values: Sequence[float], form: str) -> str:
    if not values:
        return "–"
    mean, deviation = spread(list(values))
    return form.format(mean) + ("" if deviation != deviation else f" ± {form.format(deviation)}")


def _json(value: object) -> str:
    return json.dumps(msgspec.to_builtins(value), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    typer.run(command)
