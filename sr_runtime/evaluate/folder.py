"""Write everything that an evaluation leaves: figures, tables, plots, sounds, and the pages if wanted.

Called by ``sr-runtime evaluate``.
"""

from __future__ import annotations

from pathlib import Path

from sr_runtime.evaluate import plots
from sr_runtime.evaluate.evaluation import Evaluation
from sr_runtime.evaluate.examples import write_examples
from sr_runtime.evaluate.excerpts import all_excerpts
from sr_runtime.evaluate.html_pages import write_pages
from sr_runtime.evaluate.report import Report, write_json
from sr_runtime.evaluate.tables import markdown


def write_folder(report: Report, result: Evaluation, out: Path, pages: Path | None = None) -> None:
    """Write ``report.json``, ``report.md``, plots and example sounds.

    Args:
        report: The figures.
        result: The takes and examples behind them.
        out: Folder for all of it.
        pages: Folder for ``index.html`` and ``listening.html``; None writes none.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_json(report, out / "report.json")
    (out / "report.md").write_text(markdown(report), encoding="utf-8")
    drawn = [out / f"{name}.png" for name in ("bars", "spectrograms", "onsets", "offsets")]
    plots.plot_bars(report, drawn[0])
    plots.plot_spectrograms(result.examples, drawn[1])
    plots.plot_onsets(result.takes, drawn[2])
    plots.plot_offsets(result.takes, drawn[3])
    write_examples(result.examples, out)
    if pages is not None:
        write_pages(report, all_excerpts(result.examples), drawn, pages)
