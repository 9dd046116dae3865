"""The temporal difference that gives a frame its timing: grid_i − grid_{i−1}.

Neighbouring frames look almost alike to the encoder; what changed is what sounds. Called by training (over
sequences with held and dropped frames) and by the vision graph (one frame after another).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

FirstDifference = Literal["feature", "zero"]


def sequence_differences(
    grids: Tensor, is_new: Tensor | None = None, first: FirstDifference = "feature"
) -> Tensor:
    """Difference each grid against the one used before it.

    Args:
        grids: (B, T, c, h, w), what each hop looks at; a held frame is simply there twice.
        is_new: bool (B, T): False where the hop had no new frame. Then the difference is 0, which the
            subtraction gives anyway up to the source's noise; None = trust the subtraction.
        first: ``feature``: before the first frame there was nothing (0), so its difference is itself.

    Returns:
        (B, T, c, h, w).
    """
    before = torch.cat((torch.zeros_like(grids[:, :1]), grids[:, :-1]), dim=1)
    differences = grids - before
    if first == "zero":
        differences[:, 0] = 0.0
    if is_new is not None:
        differences = differences * is_new[:, :, None, None, None].to(differences.dtype)
    return differences
