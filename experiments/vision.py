"""Table 1: does the picture's difference matter, and where in the picture it is?"""

from __future__ import annotations

from dataclasses import replace

from experiments.runner import main
from experiments.table import ABLATION, Row, Table, Training


def _seeing(name: str, *, difference: bool, pooled: bool) -> Training:
    aggregator = replace(ABLATION.aggregator, difference=difference, pooled=pooled)
    return Training(name, replace(ABLATION, aggregator=aggregator))


TABLE = Table(
    name="vision",
    title="What the model sees",
    question=(
        "The grid of features with its difference to the frame before, the grid alone, and both "
        "averaged over the picture as a CLS token would be. All networks have the same size. The second "
        "row says how far two trainings alike fall apart."
    ),
    rows=(
        Row("grid-difference", "grid and difference"),
        Row("again", "the same, trained with another seed", Training("base-again", settings={"seed": 1})),
        Row("grid", "grid, no difference", _seeing("grid", difference=False, pooled=False)),
        Row(
            "pooled-difference",
            "pooled, and difference",
            _seeing("pooled-difference", difference=True, pooled=True),
        ),
        Row("pooled", "pooled, no difference", _seeing("pooled", difference=False, pooled=True)),
    ),
)

if __name__ == "__main__":
    main(TABLE)
