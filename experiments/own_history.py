"""Table 10: what should a network look back on in training that is to look back on its own play later?"""

from __future__ import annotations

from experiments.runner import main
from experiments.table import TUNED, Table, Training, consistency_rows

TRUE = Training("more-true", stage=2, after=TUNED, budget=TUNED.budget, settings={"deaf_share": 0.0})
"""As many further steps, on true histories."""

OWN = Training(
    "more-own",
    stage=2,
    after=TUNED,
    budget=TUNED.budget,
    plays=TUNED,
    settings={"deaf_share": 0.0, "own_history_hours": 0.5, "own_history_share": 1.0},
)
"""As many further steps; half an hour of the recordings was played by the network itself before."""

STRETCHES = Training(
    "more-stretches",
    stage=2,
    after=TUNED,
    budget=TUNED.budget,
    plays=TUNED,
    settings={**OWN.settings, "own_history_stretch": 15},
)
"""The same, but led back along the true sound every half second."""

DEAF = Training("more-deaf", stage=2, after=TUNED, budget=TUNED.budget)
"""True histories, but one crop in four hears noise instead, as in the runs before."""

TABLE = Table(
    name="own_history",
    title="What it looks back on",
    question=(
        "After stage 2, as many steps again: on true histories as before, or half of the hour on what the "
        "network itself played for these pictures, with the true sound as the goal: in one go, or led back "
        "along the true sound for half a second after every half second. Or true histories, but one crop in "
        "four hears noise instead, so that the picture has to do."
    ),
    rows=consistency_rows(
        ("tuned", "stage 2", TUNED),
        ("true", "and true histories", TRUE),
        ("own", "and own histories", OWN),
        ("stretches", "and own histories of half a second", STRETCHES),
        ("deaf", "and one crop in four deaf", DEAF),
    ),
)

if __name__ == "__main__":
    main(TABLE)
