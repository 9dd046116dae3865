from __future__ import annotations

import itertools
import json

import pytest
import torch

from sr_runtime.errors import ConfigError, TrainingError
from sr_runtime.train.ema import WeightAverage, evaluating
from sr_runtime.train.optimiser import build_optimiser
from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.schedule import FINAL_SHARE, ema_decay, learning_rate, progress_of
from sr_runtime.train.settings import ConsistencySettings, DiffusionSettings, VaeSettings, with_overrides


def test_progress_follows_steps_or_minutes_whichever_is_further():
    assert progress_of(10, 0.0, steps=100, minutes=None) == pytest.approx(0.1)
    assert progress_of(10, 90.0, steps=None, minutes=3.0) == pytest.approx(0.5)
    assert progress_of(60, 90.0, steps=100, minutes=3.0) == pytest.approx(0.6)
    assert progress_of(500, 0.0, steps=100, minutes=None) == 1.0


def test_learning_rate_warms_up_and_anneals_to_the_end_of_the_run():
    rates = [learning_rate(step, step / 1000, 1.0, 100) for step in range(1001)]
    assert rates[0] == pytest.approx(0.01)
    assert max(rates) == pytest.approx(1.0, abs=0.03)
    assert rates[1000] == pytest.approx(FINAL_SHARE)
    assert all(late < early for early, late in itertools.pairwise(rates[100:]))


def test_average_forgets_fast_early_and_slowly_later():
    assert ema_decay(0, 0.999) < 0.2
    assert ema_decay(100_000, 0.999) == 0.999


def test_average_follows_the_weights_and_copies_buffers():
    module = torch.nn.BatchNorm1d(3)
    average = WeightAverage(module)
    with torch.no_grad():
        module.weight.fill_(3.0)
        module.running_mean.fill_(7.0)
    average.update(module, 0.75)
    assert average.module.weight.tolist() == pytest.approx([1.5] * 3)
    assert average.module.running_mean.tolist() == [7.0] * 3


def test_evaluating_restores_the_mode_even_after_an_error():
    module = torch.nn.Dropout()
    with pytest.raises(ValueError, match="stop"), evaluating(module):
        assert not module.training
        raise ValueError("stop")
    assert module.training


def test_weight_decay_leaves_vectors_alone():
    optimiser = build_optimiser(torch.nn.Linear(4, 4), 1e-3, 0.1)
    assert [(group["params"][0].ndim, group["weight_decay"]) for group in optimiser.param_groups] == [
        (2, 0.1),
        (1, 0.0),
    ]


def test_run_without_an_end_is_refused():
    for unending in (lambda: VaeSettings(preset="paper"), DiffusionSettings):
        with pytest.raises(ConfigError, match="--steps or --minutes"):
            unending()


def test_autoencoder_that_is_fitted_needs_no_end():
    assert VaeSettings(preset="mini").minutes is None


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("banana=1", "expected key=value with a key of"),
        ("batch", "expected key=value"),
        ("batch=0", "train.batch: expected at least 1, got 0"),
        ("batch=many", "Expected `int`"),
        ("ema_decay=1", "train.ema_decay"),
        ("recipe=ct", "recipe"),
    ],
)
def test_bad_override_is_named(override, message):
    with pytest.raises(ConfigError, match=message):
        with_overrides(ConsistencySettings(steps=1), [override])


def test_overrides_take_the_type_of_their_field():
    changed = with_overrides(
        DiffusionSettings(steps=1), ["minutes=2.5", "noise_draws=2", "cached_only=true", "steps=null"]
    )
    assert (changed.minutes, changed.noise_draws, changed.cached_only) == (2.5, 2, True)
    assert changed.steps is None


def test_folder_without_a_run_says_so(tmp_path):
    with pytest.raises(TrainingError, match="holds no training run"):
        RunFolder(tmp_path).read_config()


def test_log_keeps_numbers_that_are_not_finite_readable(tmp_path):
    run = RunFolder(tmp_path)
    run.log("train", 1, {"loss": float("nan"), "rate": 0.1})
    assert json.loads((tmp_path / "log.jsonl").read_text())["loss"] is None
    assert next(run.lines("train"))["rate"] == 0.1


def test_resumed_run_forgets_the_lines_that_it_repeats(tmp_path):
    run = RunFolder(tmp_path)
    for step in range(5):
        run.log("train", step, {"loss": step})
    run.forget_after(2)
    assert [line["step"] for line in run.lines("train")] == [0, 1, 2]
