"""Keep every benchmark run as one line of JSON, so that a slower commit can be found.

Called by ``sr-runtime bench``. Thread: any.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

from sr_runtime.errors import DataError
from sr_runtime.figures import JsonMap


def append_run(path: Path, figures: JsonMap) -> None:
    """Add one run with the time of day.

    Raises:
        DataError: The file cannot be written.
    """
    line = json.dumps({"at": datetime.now(UTC).isoformat(timespec="seconds"), **figures}, allow_nan=False)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(line + "\n")
    except OSError as error:
        raise DataError(f"cannot write {path}: {error.strerror}; choose another with --history") from error


def read_runs(path: Path) -> list[JsonMap]:
    """Return all runs, oldest first; none if the file does not exist.

    Raises:
        DataError: A line is no JSON.
    """
    if not path.exists():
        return []
    runs = []
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        try:
            runs.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise DataError(f"{path}:{number}: no JSON ({error}); remove the line") from error
    return runs
