"""Write an evaluation as two pages that need no network: the report, and a blind listening test.

Everything is inside the pages: tables, plots, sounds and pictures. They open as files in any browser.
Called by ``sr-runtime evaluate --report``.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Sequence
from importlib import resources
from itertools import cycle
from pathlib import Path
from string import Template
from typing import Any, Final

import msgspec

from sr_runtime.evaluate.excerpts import Excerpt, data_uri
from sr_runtime.evaluate.report import Report
from sr_runtime.evaluate.systems import LABELS
from sr_runtime.evaluate.tables import markdown

_PLAYED: Final = ("real", "model", "vae", "retrieval")
"""What the report plays, in this order."""

_OPPONENTS: Final = ("real", "retrieval", "vae", "other_clip")
"""What the model is compared with in the listening test, in turns."""

_TITLES: Final = {**LABELS, "model": "generated"}


def write_report_page(report: Report, excerpts: Sequence[Excerpt], plots: Sequence[Path], path: Path) -> None:
    """Write the report page.

    Args:
        report: The figures.
        excerpts: Pieces to play, one per clip is enough.
        plots: PNG files to put in.
        path: HTML file to write.
    """
    images = [
        f'<p><img class="plot" alt="{plot.stem}" src="{data_uri(plot.read_bytes(), "image/png")}"></p>'
        for plot in plots
    ]
    text = _page("report.html").substitute(
        title=f"Evaluation of {html.escape(report.model)}",
        style=_part("style.css"),
        player=_part("player.js"),
        tables=html_of(markdown(report)),
        plots="\n".join(images),
        clips=_script([_clip(excerpt) for excerpt in excerpts]),
    )
    path.write_text(text, encoding="utf-8")


def write_listening_page(report: Report, excerpts: Sequence[Excerpt], path: Path) -> None:
    """Write the blind test: each piece once, the model against one other system, nothing named.

    Args:
        report: Whose bundle and commit the saved ratings carry.
        excerpts: The pieces, one trial each.
        path: HTML file to write.
    """
    text = _page("listening.html").substitute(
        style=_part("style.css"),
        player=_part("player.js"),
        trials=_script(trials(excerpts)),
        test=f"{report.bundle_sha256[:12]}-{report.commit}",
    )
    path.write_text(text, encoding="utf-8")


def trials(excerpts: Sequence[Excerpt]) -> list[dict[str, Any]]:
    """Return what the listening test asks: pieces with their two sounds, the model's and an opponent's.

    The opponents take turns, so that each is met about equally often, whatever there is of them.
    """
    there = [name for name in _OPPONENTS if all(name in excerpt.example.sounds for excerpt in excerpts)]
    return [
        {
            "clip": excerpt.example.clip.clip.clip_id,
            "start_s": round(excerpt.start_s, 3),
            "sheet": msgspec.to_builtins(excerpt.sheet()),
            "sounds": [{"system": name, "uri": excerpt.sound(name)} for name in ("model", opponent)],
        }
        for excerpt, opponent in zip(excerpts, cycle(there), strict=False)
    ]


def write_pages(report: Report, excerpts: Sequence[Excerpt], plots: Sequence[Path], folder: Path) -> None:
    """Write ``index.html`` and ``listening.html`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    first_of_clip = {excerpt.example.clip.index: excerpt for excerpt in reversed(excerpts)}
    played = [excerpt for excerpt in excerpts if first_of_clip[excerpt.example.clip.index] is excerpt]
    write_report_page(report, played, plots, folder / "index.html")
    write_listening_page(report, excerpts, folder / "listening.html")


def html_of(text: str) -> str:
    r"""Turn the Markdown of our reports into HTML: headings, tables, paragraphs, code and bold, no more.

    Example:
        >>> html_of("| a | b |\n| --- | --- |\n| `1` | 2 |")
        '<table>\n<tr><th>a</th><th>b</th></tr>\n<tr><td><code>1</code></td><td>2</td></tr>\n</table>'
    """
    blocks = re.split(r"\n\s*\n", text.strip())
    return "\n".join(_block(block.splitlines()) for block in blocks)


def _block(lines: Sequence[str]) -> str:
    if lines[0].startswith("|"):
        head, _, *rows = lines
        return "\n".join(["<table>", _row(head, "th"), *(_row(row, "td") for row in rows), "</table>"])
    if lines[0].startswith("#"):
        return f"<h1>{_inline(lines[0].lstrip('# '))}</h1>"
    return f"<p>{_inline(' '.join(lines))}</p>"


def _row(line: str, tag: str) -> str:
    cells = line.strip().strip("|").split("|")
    return f"<tr>{''.join(f'<{tag}>{_inline(cell.strip())}</{tag}>' for cell in cells)}</tr>"


def _inline(text: str) -> str:
    escaped = re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text, quote=False))
    return re.sub(r"\*\*([^*]*)\*\*", r"<b>\1</b>", escaped)


def _clip(excerpt: Excerpt) -> dict[str, Any]:
    clip = excerpt.example.clip.clip
    names = [name for name in _PLAYED if name in excerpt.example.sounds]
    return {
        "title": f"{clip.clip_id} from {excerpt.start_s:.1f} s",
        "sheet": msgspec.to_builtins(excerpt.sheet()),
        "sounds": [[_TITLES[name], excerpt.sound(name)] for name in names],
    }


def _script(value: Any) -> str:
    # "</script>" inside a string would end the script.
    return json.dumps(value).replace("</", "<\\/")


def _part(name: str) -> str:
    return (resources.files("sr_runtime.evaluate") / "pages" / name).read_text(encoding="utf-8").strip()


def _page(name: str) -> Template:
    return Template(_part(name) + "\n")
