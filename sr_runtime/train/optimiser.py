"""The optimiser that every stage uses: AdamW with decay on matrices only, and a learning rate set by step.

Used by the trainers.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn
from torch.optim import AdamW, Optimizer


def build_optimiser(
    module: nn.Module, rate: float, weight_decay: float, betas: tuple[float, float] = (0.9, 0.99)
) -> AdamW:
    """Return AdamW over a module's trainable parameters; vectors, gains and biases are not decayed."""
    trainable = [p for p in module.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]
    return AdamW([g for g in groups if g["params"]], lr=rate, betas=betas, fused=True)


def set_rate(optimisers: Iterable[Optimizer], rate: float) -> None:
    """Give every parameter group this learning rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = rate
