"""The optimiser that every stage uses: AdamW with decay on matrices only, and a learning rate set by step.

Used by the trainers.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.optim import AdamW, Optimizer

PRETRAINED_SHARE = 0.3
"""Of the learning rate for parts that come trained on another task: they are to drift, not to start over."""


def build_optimiser(
    module: nn.Module,
    rate: float,
    weight_decay: float,
    betas: tuple[float, float] = (0.9, 0.99),
    pretrained: nn.Module | None = None,
) -> AdamW:
    """Return AdamW over a module's trainable parameters; vectors, gains and biases are not decayed.

    Args:
        module: What learns.
        rate: Learning rate until :func:`set_rate` sets another.
        weight_decay: Of matrices and kernels.
        betas: AdamW's.
        pretrained: Part of ``module`` that learns at ``PRETRAINED_SHARE`` of the rate.
    """
    slow = {id(p) for p in pretrained.parameters()} if pretrained is not None else set()
    trainable = [p for p in module.parameters() if p.requires_grad]
    fast = [p for p in trainable if id(p) not in slow]
    groups = []
    for share, part in ((1.0, fast), (PRETRAINED_SHARE, [p for p in trainable if id(p) in slow])):
        for decay, params in (
            (weight_decay, [p for p in part if p.ndim >= 2]),
            (0.0, [p for p in part if p.ndim < 2]),
        ):
            groups.append({"params": params, "weight_decay": decay, "share": share, "lr": share * rate})
    return AdamW([g for g in groups if g["params"]], lr=rate, betas=betas, fused=True)


def set_rate(optimisers: Iterable[Optimizer], rate: float) -> None:
    """Give every parameter group its share of this learning rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
