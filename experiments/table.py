"""What a table is: a question, and rows that differ in one thing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sr_runtime.model.edm import CONSISTENCY_TIMES
from sr_runtime.model.presets import (
    AggregatorConfig,
    HeadConfig,
    ModelConfig,
    TransformerConfig,
    VAEConfig,
    VisionConfig,
)
from sr_runtime.train.rollout import Sampling

ABLATION = ModelConfig(
    name="ablation",
    vision=VisionConfig(backbone="efficientnet_lite0", width=128, height=128),
    aggregator=AggregatorConfig(
        width=128, layers=1, heads=2, hidden=384, projection=64, kernel=2, dropout=0.0
    ),
    transformer=TransformerConfig(
        width=192,
        layers=4,
        heads=3,
        kv_heads=1,
        hidden=448,
        window=240,
        attention_dropout=0.0,
        residual_dropout=0.1,
        ffn_dropout=0.0,
        stochastic_depth=0.0,
    ),
    head=HeadConfig(width=256, blocks=2),
    vae=VAEConfig(kind="compact"),
)
"""The preset ``mini`` made small: it sees the same features, and its latents are the same."""

LARGEST = 3_000_000
"""Weights that an ablation's network may have."""

Store = Literal["main", "other", "both"]


@dataclass(frozen=True)
class Training:
    """One run of training; rows that name the same one share it.

    Attributes:
        name: Folder of the run.
        config: The network; where ``after`` is given, it is that of the run before.
        stage: 1 (diffusion) or 2 (consistency tuning).
        settings: What differs from the common settings.
        after: The run whose weights it starts from; None = from nothing, in stage 2 too.
        budget: Share of the budget of ``--minutes`` or ``--steps``.
        store: Whose clips it learns from.
        largest: Most weights that the network may have.
    """

    name: str
    config: ModelConfig = ABLATION
    stage: Literal[1, 2] = 1
    settings: Mapping[str, Any] = field(default_factory=dict)
    after: Training | None = None
    budget: float = 1.0
    store: Store = "main"
    largest: int = LARGEST


BASE = Training("base")
"""Stage 1 as it is meant to be: what most rows are compared with."""

TUNED = Training("cf-0.2", stage=2, after=BASE, budget=0.5)
"""Stage 2 as it is meant to be."""


@dataclass(frozen=True)
class Row:
    """One line of a table.

    Attributes:
        name: File of its results.
        label: How the table calls it.
        training: Its network; ``--generator`` replaces it where the table allows that.
        sampling: How latents are drawn; without noise levels, those that fit the network's stage.
        clips: ``report``, or ``tuning``: other validation clips, to choose settings on.
        test: Whose validation clips it is judged on.
        is_deployable: False for bounds that no live model can have.
    """

    name: str
    label: str
    training: Training = BASE
    sampling: Sampling = field(default_factory=lambda: Sampling(guidance=1.5))
    clips: Literal["report", "tuning"] = "report"
    test: Literal["main", "other"] = "main"
    is_deployable: bool = True


def consistency_rows(*named: tuple[str, str, Training]) -> tuple[Row, ...]:
    """Return two rows, at one and at four evaluations, for each name, label and network of stage 2."""
    return tuple(
        Row(
            f"{name}-nfe{nfe}",
            f"{label}, NFE {nfe}",
            training,
            Sampling(1.5, consistency_times=CONSISTENCY_TIMES[nfe]),
        )
        for name, label, training in named
        for nfe in (1, 4)
    )


@dataclass(frozen=True)
class Table:
    """A question and its rows.

    Attributes:
        name: Of its module, folder and markers.
        title: Heading.
        question: What it asks and how to read it, for the page.
        rows: In the order of the table.
        takes_generator: Whether ``--generator`` may replace the rows' own networks.
        times_encoder: Whether the picture encoder's time is measured too.
    """

    name: str
    title: str
    question: str
    rows: tuple[Row, ...]
    takes_generator: bool = False
    times_encoder: bool = False
