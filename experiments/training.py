"""Train the network of a row, or go on where an interrupted run stands; a finished one is left alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from experiments.table import Training
from experiments.workplace import Workplace
from sr_runtime.errors import ConfigError, TrainingError
from sr_runtime.model.checkpoint import save_network
from sr_runtime.model.generator import Generator
from sr_runtime.model.presets import ModelConfig
from sr_runtime.train.consistency import train_stage2
from sr_runtime.train.diffusion import train_stage1
from sr_runtime.train.loop import Reporter
from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.settings import ConsistencySettings, DiffusionSettings

COMMON = {
    "batch": 8,
    "crop_hops": 180,
    "noise_draws": 3,
    "noise_mean": 0.3,
    "noise_std": 1.4,
    "history_noise": 0.3,
    "deaf_share": 0.25,
    "weight_decay": 0.02,
    "checkpoint_minutes": 1.0,
    "validations": 4,
}
"""Settings of the shipped model's training, where they differ from the defaults."""

RATES = {1: 1e-3, 2: 4e-4}
"""Peak learning rate per stage."""

FINISHED = "finished.json"


def weights(config: ModelConfig) -> int:
    """Return how many trainable weights a generator of this configuration has.

    Example:
        >>> from experiments.table import ABLATION, LARGEST
        >>> weights(ABLATION) <= LARGEST
        True
    """
    with torch.device("meta"):
        return sum(parameter.numel() for parameter in Generator(config).parameters())


def folder(training: Training, place: Workplace) -> Path:
    """Return where a run is kept."""
    return place.out / "runs" / training.name


def train(training: Training, place: Workplace, report: Reporter | None = None) -> Path:
    """Train what is not trained yet.

    Args:
        training: The run; those that it starts from are trained first.
        place: Where, on what, how long.
        report: Called with every logged step.

    Returns:
        The run folder, with ``finished.json``: steps, minutes and validation errors.

    Raises:
        ConfigError: The network is larger than an ablation's may be.
        TrainingError: The run was interrupted; the same command goes on with it.
    """
    run = RunFolder(folder(training, place))
    if (run.path / FINISHED).exists():
        return run.path
    if (size := weights(training.config)) > training.largest:
        raise ConfigError(f"{training.name}: expected at most {training.largest} weights, got {size}")
    start = _start(training, place, run, report)
    data = place.store(training.store, training.config).root
    if training.stage == 1:
        done = train_stage1(
            data,
            run.path,
            place.vae,
            _settings(training, place),
            start,
            report=report,
            config=training.config,
        )
    else:
        assert start is not None
        settings = _settings(training, place)
        assert isinstance(settings, ConsistencySettings)
        done = train_stage2(data, run.path, place.vae, settings, start, report=report)
    if not done:
        raise TrainingError(f"{training.name} was interrupted; the same command goes on with it")
    (run.path / FINISHED).write_text(json.dumps(_facts(run, size), indent=2) + "\n")
    return run.path


def _start(training: Training, place: Workplace, run: RunFolder, report: Reporter | None) -> Path | None:
    if training.after is not None:
        return train(training.after, place, report) / "network"
    if training.stage == 1:
        return None
    untrained = run.path / "untrained"
    if not (untrained / "config.json").exists():
        torch.manual_seed(0)
        generator = Generator(training.config)
        if (fit := place.caches(training.store, training.config).features.fit()) is not None:
            generator.pca.set_fit(fit)
        save_network(untrained, generator, training.config)
    return untrained


def _settings(training: Training, place: Workplace) -> DiffusionSettings:
    length: dict[str, Any] = (
        {"steps": max(1, round(place.steps * training.budget))}
        if place.steps
        else {"minutes": place.minutes * training.budget}
    )
    values = {
        **COMMON,
        "accelerator": place.accelerator,
        "learning_rate": RATES[training.stage],
        **length,
        **training.settings,
    }
    return (DiffusionSettings if training.stage == 1 else ConsistencySettings)(**values)


def _facts(run: RunFolder, size: int) -> dict[str, Any]:
    *_, last = run.lines("validation")
    names = ("error", "error_without_video", "loss")
    errors = {name: last[name] for name in names if name in last}
    return {"steps": last["step"], "minutes": last["elapsed_s"] / 60, "weights": size, **errors}
