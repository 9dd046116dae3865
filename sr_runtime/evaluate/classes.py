"""Say which kinds of sound are answered: the share of each class's true onsets that a sound has one for.

The truth of a class is what the onset detector finds in its stem, the sounds of that class alone. Only clips
recorded with ``--ground-truth stems`` have stems. A generated onset is not asked what it sounds like: recall
says that something began in time, KL whether the kind is right.

Called by the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from sr_runtime.evaluate.scores import Take
from sr_runtime.evaluate.sync import OnsetPair, chance_recall, pooled_counts
from sr_runtime.types import SAMPLE_RATE

LEAST_ONSETS: Final = 5
"""A share of fewer would be an anecdote."""


class ClassRecall(msgspec.Struct, frozen=True):
    """Share of a class's onsets answered within 50 ms, 0..1.

    Attributes:
        model: By the generated sound.
        chance: By its onsets at wrong times.
        ceiling: By the real sound: what the detector finds of the class in the mix.
        onsets: True onsets of the class, each counted once for each take of the model.
    """

    model: float
    chance: float
    ceiling: float
    onsets: int


def class_recalls(takes: Sequence[Take], real: Sequence[Take]) -> dict[str, ClassRecall] | None:
    """Compute the recall of every class with enough onsets.

    Args:
        takes: The model's.
        real: The real sound's.

    Returns:
        Class → recall, in the order of the clips' stems; None if no clip has stems.
    """
    names = {name: None for take in real for name in take.clip.stem_onsets_s}
    found = {name: _recall(_pairs(takes, name), _pairs(real, name)) for name in names}
    return {name: recall for name, recall in found.items() if recall is not None} if names else None


def class_table(recalls: dict[str, ClassRecall]) -> list[str]:
    """Return the recalls as Markdown lines."""
    return [
        "| share of onsets answered within 50 ms | model | chance | real sound | onsets |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {name} | {recall.model:.2f} | {recall.chance:.2f} | {recall.ceiling:.2f} | {recall.onsets} |"
            for name, recall in recalls.items()
        ),
    ]


def _recall(model: Sequence[OnsetPair], real: Sequence[OnsetPair]) -> ClassRecall | None:
    counts = pooled_counts(model)
    if counts.reference < LEAST_ONSETS:
        return None
    return ClassRecall(counts.recall, chance_recall(model), pooled_counts(real).recall, counts.reference)


def _pairs(takes: Sequence[Take], name: str) -> list[OnsetPair]:
    return [
        OnsetPair(take.onsets_s, take.clip.stem_onsets_s[name], len(take.clip.true_audio) / SAMPLE_RATE)
        for take in takes
        if name in take.clip.stem_onsets_s
    ]
