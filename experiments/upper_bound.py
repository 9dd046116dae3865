"""Table 9: what pictures of the future, or a larger picture encoder, would be worth."""

from __future__ import annotations

from dataclasses import replace

from experiments.runner import main
from experiments.table import ABLATION, Row, Table, Training


def _ahead(hops: int) -> Training:
    return Training(f"ahead-{hops}", settings={"lookahead_hops": hops})


LARGER = Training("larger-encoder", replace(ABLATION, vision=replace(ABLATION.vision, width=224, height=224)))

TABLE = Table(
    name="upper_bound",
    title="Bounds: pictures of the future, a larger encoder",
    question=(
        "What a chunk encoder that waits for pictures could reach: every hop sees the picture 2 or 8 "
        "hops ahead. These rows are bounds, not models that can play live. The last row looks at "
        "pictures of 224 × 224; the encoder's time is for one picture on one core."
    ),
    rows=(
        Row("now", "its own picture"),
        Row("ahead-2", "67 ms ahead (not deployable)", _ahead(2), is_deployable=False),
        Row("ahead-8", "267 ms ahead (not deployable)", _ahead(8), is_deployable=False),
        Row("larger-encoder", "its own, 224 × 224", LARGER),
    ),
    times_encoder=True,
)

if __name__ == "__main__":
    main(TABLE)
