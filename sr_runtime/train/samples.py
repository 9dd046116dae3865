"""Sound files that a run leaves behind, so that its quality can be heard.

Called by the trainers.
"""

from __future__ import annotations

from pathlib import Path

import soundfile
from torch import Tensor

from sr_runtime.train.run_folder import RunFolder
from sr_runtime.types import SAMPLE_RATE


def write_wave(path: Path, wave: Tensor) -> None:
    """Write sound float32 (2, S) as a 16-bit WAV file, clipped to −1..1."""
    soundfile.write(path, wave.detach().float().clamp(-1, 1).T.cpu().numpy(), SAMPLE_RATE, subtype="PCM_16")


def write_pairs(run: RunFolder, real: Tensor, made: Tensor, name: str = "sample") -> None:
    """Write originals and their generated counterparts side by side.

    Args:
        run: the run's folder.
        real: float32 (N, 2, S).
        made: float32 (N, 2, S).
        name: beginning of the file names.
    """
    for index, (original, result) in enumerate(zip(real, made, strict=True)):
        write_wave(run.path / "samples" / f"{name}{index}_real.wav", original)
        write_wave(run.path / "samples" / f"{name}{index}_made.wav", result)
