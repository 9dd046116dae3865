"""Table 5: past the training window: stretched positions, a sliding window, attention sinks."""

from __future__ import annotations

from experiments.runner import main
from experiments.table import ABLATION, BASE, Row, Table
from sr_runtime.train.rollout import Memory, Sampling

WINDOW = ABLATION.transformer.window
assert WINDOW is not None
LONG = 2 * WINDOW
"""Twice what training has seen: the paper goes from 8 to 16 s."""


def _row(name: str, label: str, memory: Memory) -> Row:
    return Row(name, label, BASE, Sampling(1.5, memory=memory))


TABLE = Table(
    name="window",
    title="Past the training window",
    question=(
        f"A token sees the {WINDOW} tokens before it in training (4 s); clips are longer. Either the "
        "window slides, or twice as many tokens are kept, with positions as they are, interpolated "
        "(PI) or with a larger base (NTK). Sinks are the first four tokens, kept for ever at the "
        "window's far end."
    ),
    rows=(
        _row("sliding", "sliding window", Memory()),
        _row("sinks", "sliding window, 4 sinks", Memory(sinks=4)),
        _row("long", "twice the window", Memory(tokens=LONG)),
        _row("pi", "twice the window, PI", Memory(tokens=LONG, extension="pi", factor=2.0)),
        _row("ntk", "twice the window, NTK-aware", Memory(tokens=LONG, extension="ntk", factor=2.0)),
    ),
    takes_generator=True,
)

if __name__ == "__main__":
    main(TABLE)
