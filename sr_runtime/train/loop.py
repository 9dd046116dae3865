"""The training loop that all three stages share: steps, clock, log lines, checkpoints, exact resumption.

Called by the trainers' ``train_*`` functions on the process's only thread. A stage is a :class:`Stage`;
the loop knows nothing of its networks. Every random number of step k is drawn after seeding with
(seed, k), so nothing but the step must be remembered for a resumed run to repeat an unbroken one.
"""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any, Protocol

import numpy as np
import torch
from torch.utils.tensorboard import SummaryWriter

from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.schedule import progress_of
from sr_runtime.train.settings import RunSettings

log = logging.getLogger(__name__)

Metrics = dict[str, float]
Reporter = Callable[[int, float, Metrics], None]
"""Called after every logged step with step, progress (0..1) and the numbers; the CLI draws it."""


class Stage(Protocol):
    """What the loop asks of a stage of training."""

    def train_step(self, step: int, progress: float, rng: np.random.Generator) -> Metrics:
        """Do one optimiser step with randomness from ``rng`` and torch's (seeded) default generator."""
        ...

    def validate(self, step: int, progress: float) -> Metrics:
        """Measure the averaged weights on fixed validation material."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Return all that a resumed run needs: tensors, numbers, strings, lists and dicts of them."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take the state back."""
        ...

    def save_network(self, run: RunFolder) -> None:
        """Write the averaged weights to ``run.network``."""
        ...

    def finish(self, run: RunFolder) -> None:
        """Write plots and samples at the end of the run."""
        ...


@dataclass
class Position:
    """Where a run stands.

    Attributes:
        step: optimiser steps done.
        elapsed_s: training time over all resumptions, validation included.
    """

    step: int = 0
    elapsed_s: float = 0.0


class StopRequest:
    """Remembers SIGINT and SIGTERM, so that the run ends with a checkpoint between two steps."""

    def __init__(self) -> None:
        self.is_set = False

    def __enter__(self) -> StopRequest:
        self._old = {s: signal.signal(s, self._note) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.is_set = True


class TrainingLoop:
    """Runs a stage from where its folder stands to its end.

    Args:
        stage: what to train.
        run: the run's folder; when it has a checkpoint, training goes on from there.
        settings: length, seed and log spacing.
        report: called with every logged step.
        stop_after: end with a checkpoint after this many steps of this call; for tests and short leases.
    """

    def __init__(
        self,
        stage: Stage,
        run: RunFolder,
        settings: RunSettings,
        report: Reporter | None = None,
        stop_after: int | None = None,
    ) -> None:
        self.stage, self.run, self.settings = stage, run, settings
        self.report = report or (lambda step, progress, metrics: None)
        self.stop_after = stop_after
        self.position = Position()
        self._writer = SummaryWriter(str(run.tensorboard))
        self._validated = -1

    def train(self) -> bool:
        """Train to the end or to a stop request.

        Returns:
            Whether the run is complete; an incomplete one goes on with the next call.
        """
        self._resume()
        first, saved = self.position.step, time.monotonic()
        with StopRequest() as stop:
            while self._progress() < 1.0 and not stop.is_set:
                if self.stop_after is not None and self.position.step - first >= self.stop_after:
                    break
                self._one_step()
                if time.monotonic() - saved > 60 * self.settings.checkpoint_minutes:
                    self._save()
                    saved = time.monotonic()
        return self._end()

    def _progress(self) -> float:
        at, settings = self.position, self.settings
        return progress_of(at.step, at.elapsed_s, settings.steps, settings.minutes)

    def _one_step(self) -> None:
        start, step, progress = time.monotonic(), self.position.step, self._progress()
        torch.manual_seed(self.settings.seed * 1_000_003 + step)
        rng = np.random.default_rng((self.settings.seed, step))
        metrics = self.stage.train_step(step, progress, rng)
        self._validate_if_due(step, progress)
        self.position.step += 1
        self.position.elapsed_s += time.monotonic() - start
        if step % self.settings.log_every == 0:
            seconds = time.monotonic() - start
            self._note("train", {**metrics, "progress": progress, "step_s": seconds})
            self.report(step, progress, metrics)

    def _validate_if_due(self, step: int, progress: float) -> None:
        due = int(progress * self.settings.validations)
        if due > self._validated and step > 0:
            self._validated = due
            metrics = self.stage.validate(step, progress)
            self._note("validation", {**metrics, "progress": progress})
            self.stage.save_network(self.run)

    def _note(self, kind: str, metrics: Metrics) -> None:
        values = {**metrics, "elapsed_s": self.position.elapsed_s}
        self.run.log(kind, self.position.step, values)
        for name, value in values.items():
            self._writer.add_scalar(f"{kind}/{name}", value, self.position.step)
        log.info("%s step %d: %s", kind, self.position.step, values)

    def _resume(self) -> None:
        if not self.run.is_started:
            return
        state = self.run.load_checkpoint()
        self.position = Position(int(state["step"]), float(state["elapsed_s"]))
        self._validated = int(state["validated"])
        self.stage.load_state_dict(state["stage"])
        self.run.forget_after(self.position.step)

    def _save(self) -> None:
        at = self.position
        state = {"step": at.step, "elapsed_s": at.elapsed_s, "validated": self._validated}
        self.run.save_checkpoint({**state, "stage": self.stage.state_dict()})

    def _end(self) -> bool:
        is_complete = self._progress() >= 1.0
        if is_complete:
            self._note("validation", {**self.stage.validate(self.position.step, 1.0), "progress": 1.0})
            self.stage.save_network(self.run)
            self.stage.finish(self.run)
        self._save()
        self._writer.close()
        return is_complete


def use_threads(threads: int | None) -> None:
    """Limit torch's threads; None leaves all cores to it."""
    if threads is not None:
        torch.set_num_threads(threads)
