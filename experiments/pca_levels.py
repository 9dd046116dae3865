"""Table 7b: how many components of the picture's features are worth keeping."""

from __future__ import annotations

from dataclasses import replace

from experiments.runner import main
from experiments.table import ABLATION, BASE, Row, Table, Training


def _components(count: int | None) -> Training:
    vision = replace(ABLATION.vision, pca=count)
    return Training(f"pca-{count or 'none'}", replace(ABLATION, vision=vision))


TABLE = Table(
    name="pca_levels",
    title="Components of the features",
    question=(
        "The first 8, 24 and 59 principal components of 112 channels, and all channels without a PCA. "
        "The share of variance that they explain stands in the features' `pca.safetensors`."
    ),
    rows=(
        Row("8", "8 components", _components(8)),
        Row("24", "24 components", _components(24)),
        Row("59", "59 components", BASE),
        Row("none", "all 112 channels", _components(None)),
    ),
)

if __name__ == "__main__":
    main(TABLE)
