"""Replace measured text in a document: what stands between two markers belongs to a command.

Used by ``bench --readme`` and ``evaluate --readme``, so that no figure is typed by hand. Thread: any.
"""

from __future__ import annotations

from pathlib import Path

from sr_runtime.errors import DataError


def fill(path: Path, name: str, text: str) -> None:
    """Replace what stands between ``<!-- name:start -->`` and ``<!-- name:end -->``.

    Args:
        path: A Markdown file.
        name: Of the pair of markers, such as ``bench``.
        text: What shall stand there.

    Raises:
        DataError: The file or its markers are missing.
    """
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    try:
        before, rest = path.read_text(encoding="utf-8").split(start, 1)
        _, after = rest.split(end, 1)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: expected a file with the lines {start} and {end}") from error
    path.write_text(f"{before}{start}\n{text.strip()}\n{end}{after}", encoding="utf-8")
