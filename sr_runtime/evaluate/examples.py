"""Write a few clips' real and generated sound beside the report, for ears."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import soundfile

from sr_runtime.evaluate.evaluation import Example
from sr_runtime.types import SAMPLE_RATE

_NAMES: Final = {"real": "real", "model": "generated"}


def write_examples(examples: Sequence[Example], folder: Path) -> list[Path]:
    """Write ``<clip>_real.flac`` and ``<clip>_generated.flac`` for each example and return the paths."""
    paths = []
    for example in examples:
        for name in ("real", "model"):
            path = folder / f"{example.clip.clip.clip_id}_{_NAMES[name]}.flac"
            soundfile.write(path, example.sounds[name], SAMPLE_RATE)
            paths.append(path)
    return paths
