"""The folder of one training run: configuration, log lines, checkpoint, network, plots, samples.

Written by :mod:`sr_runtime.train.loop` and the trainers, read by export and by ``--init``.

    runs/NAME/
      config.json     the stage, its settings, the model's configuration
      log.jsonl       one line per logged step or validation
      tensorboard/    the same numbers
      checkpoint.pt   everything needed to go on (weights, optimiser, EMA, step, clip list)
      network/        EMA weights as safetensors: what export and evaluate read
      plots/ samples/
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from sr_runtime.errors import TrainingError


class RunFolder:
    """Paths and files of a run.

    Args:
        path: created when missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("plots", "samples"):
            (path / name).mkdir(parents=True, exist_ok=True)
        self.checkpoint = path / "checkpoint.pt"
        self.network = path / "network"
        self.tensorboard = path / "tensorboard"

    @property
    def is_started(self) -> bool:
        """Whether the run has a checkpoint to go on from."""
        return self.checkpoint.exists()

    def write_config(self, config: Mapping[str, Any]) -> None:
        """Save the run's configuration, replacing an older one."""
        (self.path / "config.json").write_text(json.dumps(config, indent=2) + "\n")

    def read_config(self) -> dict[str, Any]:
        """Return the run's configuration.

        Raises:
            TrainingError: when the folder holds no run.
        """
        path = self.path / "config.json"
        if not path.exists():
            raise TrainingError(f"{self.path} holds no training run (no config.json)")
        return dict(json.loads(path.read_text()))

    def log(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Append one line to log.jsonl; values that are not finite become null."""
        numbers = {k: round(v, 6) if math.isfinite(v) else None for k, v in values.items()}
        with (self.path / "log.jsonl").open("a") as file:
            file.write(json.dumps({"kind": kind, "step": step, **numbers}) + "\n")

    def lines(self, kind: str) -> Iterator[dict[str, float]]:
        """Yield the logged lines of one kind, oldest first."""
        path = self.path / "log.jsonl"
        for text in path.read_text().splitlines() if path.exists() else ():
            line = json.loads(text)
            if line["kind"] == kind:
                yield {k: math.nan if v is None else v for k, v in line.items() if k != "kind"}

    def save_checkpoint(self, state: Mapping[str, Any]) -> None:
        """Write the checkpoint so that an interruption leaves the old one whole."""
        temporary = self.checkpoint.with_suffix(".partial")
        torch.save(dict(state), temporary)
        temporary.replace(self.checkpoint)

    def load_checkpoint(self) -> dict[str, Any]:
        """Return the last checkpoint's state, read without running code from the file."""
        return dict(torch.load(self.checkpoint, map_location="cpu", weights_only=True))

    def forget_after(self, step: int) -> None:
        """Drop logged lines of steps that a resumed run is going to repeat."""
        path = self.path / "log.jsonl"
        if path.exists():
            kept = [text for text in path.read_text().splitlines() if json.loads(text)["step"] <= step]
            path.write_text("".join(text + "\n" for text in kept))
