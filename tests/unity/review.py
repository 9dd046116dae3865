"""Keep the line numbers of ``Documentation~/Review.md`` true: ``python -m tests.unity.review`` rewrites them.

Every row names a file, a line and what stands there. The first line with those words counts.
"""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "unity_plugin"
REVIEW = PACKAGE / "Documentation~" / "Review.md"
PLACE = re.compile(r"`(?P<file>[\w./]+):(?P<line>\d+)` `(?P<words>[^`]+)` \|$", re.M)


def found_at(file: str, words: str) -> int:
    """Return the number of the first line of ``file`` that has ``words``; 0 if none has."""
    lines = (PACKAGE / file).read_text(encoding="utf-8").splitlines()
    return next((number for number, line in enumerate(lines, 1) if words in line), 0)


def corrected(text: str) -> str:
    """Return the review with true line numbers."""
    return PLACE.sub(
        lambda row: f"`{row['file']}:{found_at(row['file'], row['words'])}` `{row['words']}` |", text
    )


if __name__ == "__main__":
    REVIEW.write_text(corrected(REVIEW.read_text(encoding="utf-8")), encoding="utf-8")
