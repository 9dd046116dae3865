r"""The paper's finding on heads: one of about 10 M weights fails where one of 70 M does not. Wants a GPU.

    python -m experiments.large_heads --data STORE --vae checkpoints/mini/vae --out out --steps 4000 \
        --accelerator cuda --only ten-nfe1

The transformer is that of the preset ``mini``; a row is one command of minutes there.
"""

from __future__ import annotations

from dataclasses import replace

from experiments.runner import main
from experiments.table import Table, Training, consistency_rows
from sr_runtime.model.presets import PRESETS, HeadConfig

LARGEST_HERE = 90_000_000


def _tuned(name: str, width: int, blocks: int) -> Training:
    config = replace(PRESETS["mini"], name=name, head=HeadConfig(width=width, blocks=blocks))
    first = Training(name, config, largest=LARGEST_HERE)
    return Training(f"{name}-tuned", config, stage=2, after=first, budget=0.5, largest=LARGEST_HERE)


TABLE = Table(
    name="large_heads",
    title="Large heads",
    question="A head of 11 M weights and that of the paper, 72 M, on the same transformer, after stage 2.",
    rows=consistency_rows(
        ("ten", "768 wide, 3 blocks", _tuned("head-768", 768, 3)),
        ("seventy", "1280 wide, 8 blocks", _tuned("head-1280", 1280, 8)),
    ),
)

if __name__ == "__main__":
    main(TABLE)
