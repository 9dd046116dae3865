"""Table 7a: how large the diffusion head has to be."""

from __future__ import annotations

from dataclasses import replace

from experiments.runner import main
from experiments.table import ABLATION, BASE, Row, Table, Training
from sr_runtime.model.presets import HeadConfig


def _head(name: str, width: int, blocks: int) -> Training:
    return Training(name, replace(ABLATION, head=HeadConfig(width=width, blocks=blocks)))


TABLE = Table(
    name="head_size",
    title="Size of the head",
    question="The same transformer with three heads; the largest is the one that all other tables use.",
    rows=(
        Row("small", "64 wide, 2 blocks", _head("head-64", 64, 2)),
        Row("middle", "128 wide, 2 blocks", _head("head-128", 128, 2)),
        Row("large", "256 wide, 2 blocks", BASE),
    ),
)

if __name__ == "__main__":
    main(TABLE)
