"""Table 4: how much guidance, and what the row without pictures remembers."""

from __future__ import annotations

from experiments.runner import main
from experiments.table import BASE, Row, Table
from sr_runtime.train.rollout import Sampling

SCALES = (1.0, 1.5, 2.0, 3.0, 4.0, 5.0)

TABLE = Table(
    name="guidance",
    title="Guidance",
    question=(
        "The scale ω on the transformer's output at the video token. The ∅ row has either a history "
        "of its own, in which it has never seen a picture (as in training), or shares that of the "
        "conditional row (as the algorithm is printed)."
    ),
    rows=(
        *(Row(f"own-{scale:g}", f"ω {scale:g}, own history", BASE, Sampling(scale)) for scale in SCALES),
        *(
            Row(f"shared-{scale:g}", f"ω {scale:g}, shared", BASE, Sampling(scale, shared_history=True))
            for scale in SCALES[1:]
        ),
    ),
    takes_generator=True,
)

if __name__ == "__main__":
    main(TABLE)
