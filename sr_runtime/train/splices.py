"""Spliced histories: stretches of another crop's sound in what a hop looks back on.

Used by both generator stages. In training the true history always agrees with the picture, so a network need
not look; at play its own history may have parted from it (a silence kept up while a fight is seen), and
nothing has taught it to come back. Here the history is another crop's for a while and then true again::

    shown as history   t t t t | f f f f f f | t t t t …        t true, f foreign
    counts             ✓ ✓ ✓ ✓   ✓ · · · · ·   ✓ ✓ ✓ ✓

A hop whose history ends in foreign sound has a target that does not go on from it, and counts only where the
true sound is resumed: there the network learns to follow the picture. Counting all of them would teach it
to make every hop a new start.
"""

from __future__ import annotations

import torch
from torch import Tensor

SHORTEST, LONGEST = 10, 60
"""Hops of a stretch, true or foreign."""


def splice(latents: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """Return histories with stretches of the next crop's, and which hops count.

    Args:
        latents: Normalised, (B, T, 64).
        share: Of crops that are spliced.

    Returns:
        Latents to look back on, (B, T, 64), and bool (B, T).
    """
    batch, hops, _ = latents.shape
    is_foreign = torch.zeros(batch, hops, dtype=torch.bool)
    if not share:  # and no draw, so that runs without splices go as they did
        return latents, ~is_foreign.to(latents.device)
    for row in torch.nonzero(torch.rand(batch) < share).flatten().tolist():
        is_foreign[row] = _stretches(hops)
    is_foreign = is_foreign.to(latents.device)
    goes_on = is_foreign[:, 1:] & is_foreign[:, :-1]
    counts = torch.cat((torch.ones_like(is_foreign[:, :1]), ~goes_on), dim=1)
    return torch.where(is_foreign[..., None], latents.roll(1, dims=0), latents), counts


def _stretches(hops: int) -> Tensor:
    """Return stretches of False and True in turn, bool (hops,), the first of them by chance."""
    lengths = torch.randint(SHORTEST, LONGEST + 1, (hops // SHORTEST + 2,))
    turns = torch.arange(len(lengths)) + torch.randint(2, ())
    return torch.repeat_interleave(turns % 2 == 1, lengths)[:hops]
