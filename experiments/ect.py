"""Table 3: the recipe of consistency tuning, and how much of the network it has to touch."""

from __future__ import annotations

from experiments.runner import main
from experiments.table import BASE, TUNED, Table, Training, consistency_rows


def _tuned(name: str, recipe: str, head_dropout: float, tuned: str) -> Training:
    settings = {"recipe": recipe, "head_dropout": head_dropout, "tuned": tuned}
    return Training(name, stage=2, settings=settings, after=BASE, budget=TUNED.budget)


RECIPES = (
    ("cf-0.2", "CF, dropout 0.2", TUNED),
    ("cf-0.1", "CF, dropout 0.1", _tuned("cf-0.1", "cf", 0.1, "all")),
    ("in-0.2", "IN, dropout 0.2", _tuned("in-0.2", "in", 0.2, "all")),
    ("cf-0.2-head", "CF, dropout 0.2, head only", _tuned("cf-0.2-head", "cf", 0.2, "head")),
)

TABLE = Table(
    name="ect",
    title="Consistency tuning",
    question=(
        "Mapping, weighting and metric of ECT's CIFAR-10 (CF) or ImageNet (IN) recipe, with the "
        "head's dropout; the whole network or its head alone. Each at one and at four evaluations, "
        "from the same stage 1."
    ),
    rows=consistency_rows(*RECIPES),
)

if __name__ == "__main__":
    main(TABLE)
