"""Say whether a sound has the right kind of noise at the right moment: class accuracy at isolated onsets.

A classifier that learnt from the stems of training maps hears each system's sound where one class sounds
alone in truth. Called by the report; only clips with stems are judged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt

from sr_runtime.evaluate.onset_classifier import OnsetClassifier
from sr_runtime.evaluate.onsets import FloatArray
from sr_runtime.evaluate.scores import Take
from sr_runtime.evaluate.systems import LABELS, SYSTEMS

LEAST_ONSETS: Final = 5
"""A class with fewer isolated onsets on the clips is not asked for."""

CORE: Final = ("weapon", "monster", "pickup")
"""Classes whose cause is on the screen: what a model that watches should tell apart."""

_PERMUTATIONS: Final = 9999
"""Least p: 0.0001."""

Indices = npt.NDArray[np.int64]


class Accuracy(msgspec.Struct, frozen=True, kw_only=True):
    """How one system's sound is recognised.

    Attributes:
        accuracy: Mean over the classes of the share of their onsets that sound like them, 0..1.
        chance: Its mean over permutations.
        p: Share of permutations that reach it: the onsets of each clip with their classes shuffled.
        silent: Share of the onsets at which nothing is heard, which count as wrong.
        per_class: Class → share of its onsets that sound like it.
    """

    accuracy: float
    chance: float
    p: float
    silent: float
    per_class: dict[str, float]


class ClassAccuracy(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy of every system on one choice of classes.

    Attributes:
        onsets: Class → isolated true onsets of it.
        systems: System, or ``real`` for the ceiling → how it is recognised.
    """

    onsets: dict[str, int]
    systems: dict[str, Accuracy]


class ClassAccuracies(msgspec.Struct, frozen=True, kw_only=True):
    """Accuracy over all classes that there are enough onsets of, and over weapon, monster and pickup alone.

    ``training_onsets`` are what the classifier learnt from; ``core`` is None where one of its classes lacks.
    """

    all: ClassAccuracy
    core: ClassAccuracy | None
    training_onsets: dict[str, int]


def class_accuracies(
    takes: Mapping[str, Sequence[Take]], classifier: OnsetClassifier
) -> ClassAccuracies | None:
    """Judge every system by the classifier.

    Args:
        takes: System → takes; ``real`` must be there.
        classifier: Trained on other maps.

    Returns:
        The accuracies; None if fewer than two classes have enough isolated onsets.
    """
    counts = {name: 0 for name in classifier.classes}
    for take in takes["real"]:
        for name in take.clip.isolated_onsets.classes:
            if name in counts:
                counts[name] += 1
    asked = tuple(name for name, count in counts.items() if count >= LEAST_ONSETS)
    if len(asked) < 2:
        return None
    core = set(CORE) <= set(asked)
    return ClassAccuracies(
        all=_judge(takes, classifier, asked),
        core=_judge(takes, classifier, CORE) if core else None,
        training_onsets=classifier.examples,
    )


def accuracy_table(found: ClassAccuracies) -> list[str]:
    """Return the accuracies as Markdown lines."""
    lines = _table("class heard at isolated onsets", found.all)
    if found.core is not None and found.core.onsets != found.all.onsets:
        lines += ["", *_table("the same among weapon, monster and pickup", found.core)]
    learnt = ", ".join(f"{name} {count}" for name, count in found.training_onsets.items())
    return [
        *lines,
        "",
        "Accuracy is the mean over the classes; p by permutation of the classes within each clip; silence at "
        f"an onset counts as wrong. The classifier learnt from stems of training clips ({learnt} onsets).",
    ]


def _table(title: str, found: ClassAccuracy) -> list[str]:
    classes = [f"{name} (n = {count})" for name, count in found.onsets.items()]
    return [
        f"| {title} | accuracy ↑ | chance | p | {' | '.join(classes)} | silent |",
        "| --- |" + " --- |" * (len(classes) + 4),
        *(_row(name, found.systems[name]) for name in (*SYSTEMS, "real") if name in found.systems),
    ]


def _row(name: str, found: Accuracy) -> str:
    title = LABELS[name] + (" (ceiling)" if name == "real" else "")
    classes = " | ".join(f"{share:.2f}" for share in found.per_class.values())
    head = f"| {title} | {found.accuracy:.3f} | {found.chance:.3f} | {found.p:.4f} |"
    return f"{head} {classes} | {found.silent:.0%} |"


def _judge(
    takes: Mapping[str, Sequence[Take]], classifier: OnsetClassifier, classes: Sequence[str]
) -> ClassAccuracy:
    systems = {
        name: _accuracy(takes[name], classifier, classes) for name in (*SYSTEMS, "real") if takes.get(name)
    }
    true = [name for take in takes["real"] for name in take.clip.isolated_onsets.classes]
    return ClassAccuracy(onsets={name: true.count(name) for name in classes}, systems=systems)


def _accuracy(takes: Sequence[Take], classifier: OnsetClassifier, classes: Sequence[str]) -> Accuracy:
    truth, clips, hits, silent = _collect(takes, classifier, classes)
    # Each class weighs alike, however many onsets it has.
    weight = 1 / np.bincount(truth, minlength=len(classes)) / len(classes)
    share = hits * weight
    each = np.arange(len(truth))
    accuracy = float(share[each, truth].sum())
    drawn = np.array([share[each, row].sum() for row in _shuffled(truth, clips)])
    # 1e-12: sums of the same numbers in another order are the same accuracy.
    reached = int((drawn >= accuracy - 1e-12).sum())
    return Accuracy(
        accuracy=accuracy,
        chance=float(drawn.mean()),
        p=(1 + reached) / (1 + len(drawn)),
        silent=silent,
        per_class={name: float(hits[truth == index, index].mean()) for index, name in enumerate(classes)},
    )


def _collect(
    takes: Sequence[Take], classifier: OnsetClassifier, classes: Sequence[str]
) -> tuple[Indices, Indices, FloatArray, float]:
    """Return class and clip of each onset, and the share of takes in which it sounds like each class.

    Several seeds of a clip are takes of the same onsets: they are no further observations.
    """
    columns = [classifier.classes.index(name) for name in classes]
    by_clip: dict[int, list[FloatArray]] = {}
    truth: dict[int, Indices] = {}
    for take in takes:
        onsets = take.clip.isolated_onsets
        rows = np.array([name in classes for name in onsets.classes], np.bool_)
        if take.at_onsets is None or not rows.any():
            continue
        sounds = classifier.scores(take.at_onsets.features[rows])[:, columns].argmax(axis=1)
        heard = np.eye(len(classes))[sounds] * ~take.at_onsets.is_silent[rows, None]
        by_clip.setdefault(take.clip.index, []).append(heard)
        truth[take.clip.index] = np.array([classes.index(name) for name in onsets.classes if name in classes])
    hits = np.concatenate([np.mean(of_clip, axis=0) for of_clip in by_clip.values()])
    clips = np.concatenate([np.full(len(truth[index]), index) for index in by_clip])
    return (
        np.concatenate([truth[index] for index in by_clip]),
        clips,
        hits,
        float(1 - hits.sum(axis=1).mean()),
    )


def _shuffled(truth: Indices, clips: Indices) -> npt.NDArray[np.int64]:
    """Return the classes shuffled within each clip, int64 (permutations, n).

    Within, not across: a clip full of shots whose sound is full of shots must not pass for timing.
    """
    rng = np.random.default_rng(0)
    order = np.argsort(clips, kind="stable")
    drawn = np.empty((_PERMUTATIONS, len(truth)), np.int64)
    for row in drawn:
        row[order] = truth[np.lexsort((rng.random(len(truth)), clips))]
    return drawn
