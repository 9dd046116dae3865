"""Table 6: is the diffusion stage needed, or does the consistency objective alone do?"""

from __future__ import annotations

from experiments.runner import main
from experiments.table import TUNED, Row, Table, Training
from sr_runtime.model.edm import CONSISTENCY_TIMES
from sr_runtime.train.rollout import Sampling

SINGLE = Training("single-stage", stage=2, budget=1.0 + TUNED.budget)
"""As long as both stages together."""

TABLE = Table(
    name="single_stage",
    title="One stage or two",
    question=(
        "The simplified baseline: the same causal transformer and head, trained from nothing with the "
        "consistency objective only, as long as both stages together."
    ),
    rows=tuple(
        Row(
            f"{name}-nfe{nfe}",
            f"{label}, NFE {nfe}",
            training,
            Sampling(1.5, consistency_times=CONSISTENCY_TIMES[nfe]),
        )
        for name, label, training in (
            ("two", "diffusion, then consistency", TUNED),
            ("one", "consistency only", SINGLE),
        )
        for nfe in (1, 4)
    ),
)

if __name__ == "__main__":
    main(TABLE)
