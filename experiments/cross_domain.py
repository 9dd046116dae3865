"""Table 8: does a model of one game sound another?"""

from __future__ import annotations

from experiments.runner import main
from experiments.table import BASE, Row, Store, Table, Training

OTHER, BOTH = Training("other", store="other"), Training("both", store="both")


def _row(training: Training, learned: str, test: Store, heard: str) -> Row:
    assert test != "both"
    return Row(f"{training.name}-on-{test}", f"{learned} → {heard}", training, test=test)


TABLE = Table(
    name="cross_domain",
    title="From one game to another",
    question=(
        "Trained on Doom, on OpenArena, or on half an hour of each, and judged on validation clips of "
        "either (`--data` is Doom's store, `--other` OpenArena's). Both share autoencoder and PCA, "
        "which are Doom's."
    ),
    rows=tuple(
        _row(training, learned, test, heard)
        for training, learned in ((BASE, "Doom"), (OTHER, "OpenArena"), (BOTH, "both"))
        for test, heard in (("main", "Doom"), ("other", "OpenArena"))
    ),
)

if __name__ == "__main__":
    main(TABLE)
