"""Table 6: is the diffusion stage needed, or does the consistency objective alone do?"""

from __future__ import annotations

from experiments.runner import main
from experiments.table import TUNED, Table, Training, consistency_rows

SINGLE = Training("single-stage", stage=2, budget=1.0 + TUNED.budget)
"""As long as both stages together."""

TABLE = Table(
    name="single_stage",
    title="One stage or two",
    question=(
        "The simplified baseline: the same causal transformer and head, trained from nothing with the "
        "consistency objective only, as long as both stages together."
    ),
    rows=consistency_rows(
        ("two", "diffusion, then consistency", TUNED),
        ("one", "consistency only", SINGLE),
    ),
)

if __name__ == "__main__":
    main(TABLE)
