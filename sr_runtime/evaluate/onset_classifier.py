"""Tell the classes of game sounds apart by ear: a small classifier of what is heard at an onset.

Trained on the stems of training clips, in seconds, so that it never heard the maps that it judges on. It is
multinomial logistic regression: 240 numbers in, one score for each class out. Called by ``evaluate``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from sr_runtime.data.store import Clip
from sr_runtime.errors import DataError
from sr_runtime.evaluate.clips import stem_audio
from sr_runtime.evaluate.isolated import HEARD_S, sounds_at
from sr_runtime.evaluate.onsets import FloatArray, detect_onsets
from sr_runtime.types import SAMPLE_RATE

LEAST_EXAMPLES: Final = 20
"""Training onsets that a class needs to be told apart at all."""

_MOST_PER_CLIP: Final = 40
"""Of one class: a clip of steady fire must not be what a weapon is."""

_PENALTY: Final = 0.01
"""Weight of the squared coefficients beside the mean log loss of standardised features."""


@dataclass(frozen=True)
class OnsetClassifier:
    """A fitted classifier.

    Attributes:
        classes: Names, in the order of the scores.
        examples: Training onsets of each.
    """

    classes: tuple[str, ...]
    examples: dict[str, int]
    _centre: FloatArray
    _scale: FloatArray
    _weights: FloatArray

    def scores(self, features: FloatArray) -> FloatArray:
        """Return a score for each class, float64 (n, classes); the largest is what it sounds like."""
        return _with_ones((features - self._centre) * self._scale) @ self._weights


def fit_classifier(features: FloatArray, classes: Sequence[str]) -> OnsetClassifier:
    """Fit the classifier, every class weighing alike.

    Args:
        features: float64 (n, d).
        classes: The class of each row; those with fewer than 20 rows are left out.

    Raises:
        DataError: Fewer than two classes have enough rows.
    """
    counts = {name: list(classes).count(name) for name in dict.fromkeys(classes)}
    names = tuple(name for name, count in counts.items() if count >= LEAST_EXAMPLES)
    if len(names) < 2:
        raise DataError(
            f"telling classes apart needs two with {LEAST_EXAMPLES} training onsets or more, got {counts}; "
            "record more: sr-runtime record vizdoom --split train --ground-truth stems"
        )
    rows = np.array([name in names for name in classes])
    targets = np.array([names.index(name) for name in classes if name in names])
    kept = features[rows]
    centre, scale = kept.mean(axis=0), 1 / np.maximum(kept.std(axis=0), 1e-6)
    weights = _fit(_with_ones((kept - centre) * scale), targets, len(names))
    return OnsetClassifier(names, {name: counts[name] for name in names}, centre, scale, weights)


def train_classifier(clips: Sequence[Clip]) -> OnsetClassifier | None:
    """Train on the stems of training clips.

    Args:
        clips: Training clips; those without stems are left out.

    Returns:
        The classifier; None if no clip has stems.

    Raises:
        DataError: A clip is not a training clip, or there are too few sounds.
    """
    features, classes = [], []
    for clip in clips:
        if clip.split != "train":
            raise DataError(f"the classifier may only learn from training clips: {clip.clip_id} is not one")
        for name in clip.meta.stems:
            stem = stem_audio(clip, name)
            times_s = _spread(_whole(detect_onsets(stem), len(stem) / SAMPLE_RATE))
            features.append(sounds_at(stem, times_s, times_s).features)
            classes += [name] * len(times_s)
    return fit_classifier(np.concatenate(features), classes) if classes else None


def _whole(times_s: FloatArray, duration_s: float) -> FloatArray:
    return times_s[times_s + HEARD_S <= duration_s]


def _spread(times_s: FloatArray) -> FloatArray:
    count = min(len(times_s), _MOST_PER_CLIP)
    return times_s[np.arange(count) * len(times_s) // max(1, count)]


def _with_ones(rows: FloatArray) -> FloatArray:
    return np.concatenate([rows, np.ones((len(rows), 1))], axis=1)


def _fit(rows: FloatArray, targets: npt.NDArray[np.intp], classes: int) -> FloatArray:
    """Return the coefficients, float64 (d + 1, classes), of least penalised log loss."""
    weight = (1 / np.bincount(targets, minlength=classes))[targets] / classes
    wanted = np.eye(classes)[targets]

    def loss(flat: FloatArray) -> tuple[float, FloatArray]:
        table = flat.reshape(rows.shape[1], classes)
        scores = rows @ table
        scores -= scores.max(axis=1, keepdims=True)
        shares = np.exp(scores)
        shares /= shares.sum(axis=1, keepdims=True)
        penalised = table.copy()
        penalised[-1] = 0.0
        value = -(weight * np.log(shares[np.arange(len(rows)), targets] + 1e-12)).sum()
        gradient = rows.T @ (weight[:, None] * (shares - wanted)) + _PENALTY * penalised
        return float(value + 0.5 * _PENALTY * (penalised**2).sum()), gradient.ravel()

    start = np.zeros(rows.shape[1] * classes)
    found: Any = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    return np.asarray(found.x).reshape(rows.shape[1], classes)
