"""Say what a bundle's precision costs in sound: int8 against fp32 of the same networks, clips and seeds.

Called by ``sr-runtime evaluate --against``. The sounds of two precisions cannot be compared sample by
sample: the model hears itself, so the smallest rounding leads to another, equally good take. What counts is
how well both do, and the contract allows int8 to lose 0.02 of onset F1 and 5 % of KL.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import numpy as np

from sr_runtime.engine.bundle import Bundle
from sr_runtime.engine.session import Engine
from sr_runtime.errors import ConfigError
from sr_runtime.evaluate.clips import EvaluationClip
from sr_runtime.evaluate.generate import Progress, Sampling, generate
from sr_runtime.evaluate.paired import FloatArray, kl_posteriors
from sr_runtime.evaluate.provenance import bundle_sha256
from sr_runtime.evaluate.scores import Ears, Take, listen, onset_pairs
from sr_runtime.evaluate.sync import OnsetCounts, count_matches

ALLOWED_F1: Final = -0.02
"""Least difference of onset F1 that the contract allows."""

ALLOWED_KL: Final = 0.05
"""Largest relative difference of KL that the contract allows."""

_DRAWS: Final = 2000


class Compared(msgspec.Struct, frozen=True):
    """One figure of both bundles.

    Attributes:
        bundle: Of the bundle under test.
        reference: Of the reference.
        difference: Absolute for onset F1, relative for KL.
        low: Lower end of the difference's bootstrap interval of 95 % over clips.
        high: Its upper end.
        allowed: The bound of the difference.
    """

    bundle: float
    reference: float
    difference: float
    low: float
    high: float
    allowed: float


class Tolerance(msgspec.Struct, frozen=True, kw_only=True):
    """What the bundle loses against the reference; ``held`` is whether both bounds are."""

    precision: str
    reference: str
    reference_precision: str
    reference_sha256: str
    onset_f1: Compared
    kl_yamnet: Compared
    held: bool


def check_same_networks(bundle: Bundle, reference: Bundle) -> None:
    """Refuse a reference that was not exported from the same networks.

    Raises:
        ConfigError: The trainings that the manifests name, or the learnt constants, differ.
    """
    is_same_training = bundle.manifest.training == reference.manifest.training
    if is_same_training and _are_equal(bundle.constants, reference.constants):
        return
    raise ConfigError(
        f"evaluate: --against {reference.path} holds other networks than {bundle.path} (their "
        f"{'constants' if is_same_training else 'training facts'} differ), so the difference would not be "
        "the precision's; export both from the same runs: "
        "sr-runtime export --precision fp32 --vae RUN --generator RUN --out FOLDER"
    )


def _are_equal(ours: Mapping[str, np.ndarray], theirs: Mapping[str, np.ndarray]) -> bool:
    return ours.keys() == theirs.keys() and all(np.array_equal(ours[name], theirs[name]) for name in ours)


def hear_reference(
    reference: Engine,
    clips: Sequence[EvaluationClip],
    ears: Ears,
    sampling: Sampling,
    seeds: int,
    on_progress: Progress,
) -> list[Take]:
    """Return the reference's takes, clip by clip, the seeds of a clip one after the other.

    Args:
        reference: A warm engine.
        clips: As for the bundle under test.
        ears: The networks to hear with.
        sampling: What the bundle under test used, all of it spelt out.
        seeds: Takes per clip.
        on_progress: Told of every hop.
    """
    return [
        listen(generate(reference, clip.clip, sampling, seed, on_progress).audio, clip, ears)
        for clip in clips
        for seed in range(seeds)
    ]


def spelt_out(sampling: Sampling, engine: Engine) -> Sampling:
    """Return the sampling with this engine's defaults in place, for another bundle to be run with."""
    drawn = sampling.resolved(engine)
    return Sampling(drawn.guidance, drawn.nfe, drawn.sampler)


def tolerance(
    takes: Sequence[Take],
    reference_takes: Sequence[Take],
    real: Sequence[Take],
    bundle: Bundle,
    reference: Bundle,
) -> Tolerance:
    """Compare the takes of a bundle with those of its reference.

    Args:
        takes: Of the bundle under test.
        reference_takes: Of the reference: the same clips and seeds, in the same order.
        real: The real sound's, one per clip.
        bundle: Under test.
        reference: Of the same networks.
    """
    sync = _compare(_onset_counts(takes), _onset_counts(reference_takes), _f1, np.subtract, ALLOWED_F1)
    kind = _compare(_kl_sums(takes, real), _kl_sums(reference_takes, real), _mean, _relative, ALLOWED_KL)
    return Tolerance(
        precision=bundle.manifest.precision,
        reference=reference.name,
        reference_precision=reference.manifest.precision,
        reference_sha256=bundle_sha256(reference),
        onset_f1=sync,
        kl_yamnet=kind,
        held=sync.difference >= ALLOWED_F1 and kind.difference <= ALLOWED_KL,
    )


def tolerance_table(found: Tolerance) -> list[str]:
    """Return the comparison as Markdown lines."""
    f1, kl = found.onset_f1, found.kl_yamnet
    verdict = "Both bounds are held." if found.held else "**A bound is broken.**"
    return [
        f"| what {found.precision} costs | {found.precision} | {found.reference_precision} | difference "
        "[95 % over clips] | allowed |",
        "| --- | --- | --- | --- | --- |",
        f"| onset F1 at 50 ms ↑ | {f1.bundle:.3f} | {f1.reference:.3f} | {f1.difference:+.3f} "
        f"[{f1.low:+.3f}, {f1.high:+.3f}] | {f1.allowed:+.2f} |",
        f"| KL-YAMNet ↓ (nats) | {kl.bundle:.3f} | {kl.reference:.3f} | {kl.difference:+.1%} "
        f"[{kl.low:+.1%}, {kl.high:+.1%}] | {kl.allowed:+.0%} |",
        "",
        f"The same networks, clips and seeds; reference `{found.reference}`, sha256 "
        f"`{found.reference_sha256[:16]}`. {verdict}",
    ]


def _compare(
    ours: FloatArray,
    theirs: FloatArray,
    score: Callable[[FloatArray], FloatArray],
    difference: Callable[[FloatArray, FloatArray], FloatArray],
    allowed: float,
) -> Compared:
    """Compare sums per clip, float64 (clips, k) each, by a score of their total, (…, k) → (…)."""
    rng = np.random.default_rng(0)
    weights = rng.multinomial(len(ours), np.full(len(ours), 1 / len(ours)), size=_DRAWS)
    drawn = difference(score(weights @ ours), score(weights @ theirs))
    low, high = np.percentile(drawn, [2.5, 97.5])
    bundle, reference = score(ours.sum(axis=0)), score(theirs.sum(axis=0))
    whole = float(difference(bundle, reference))
    return Compared(float(bundle), float(reference), whole, float(low), float(high), allowed)


def _onset_counts(takes: Sequence[Take]) -> FloatArray:
    """Return matched, estimated and true onsets of each sync clip over its seeds, float64 (clips, 3)."""
    rows: dict[int, OnsetCounts] = {}
    for take in takes:
        for pair in onset_pairs([take]):
            found = count_matches(pair.estimated, pair.reference)
            rows[take.clip.index] = rows.get(take.clip.index, OnsetCounts(0, 0, 0)) + found
    return np.array([[row.matched, row.estimated, row.reference] for row in rows.values()], np.float64)


def _kl_sums(takes: Sequence[Take], real: Sequence[Take]) -> FloatArray:
    """Return the sum of KL and the number of windows of each clip over its seeds, float64 (clips, 2)."""
    truth = {take.clip.index: take.posteriors for take in real}
    rows: dict[int, FloatArray] = {}
    for take in takes:
        index, windows = take.clip.index, len(take.posteriors)
        total = np.array([windows * kl_posteriors(truth[index], take.posteriors), windows])
        rows[index] = rows.get(index, np.zeros(2)) + total
    return np.array(list(rows.values()))


def _f1(counts: FloatArray) -> FloatArray:
    return np.asarray(2 * counts[..., 0] / np.maximum(counts[..., 1] + counts[..., 2], 1))


def _mean(sums: FloatArray) -> FloatArray:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _relative(ours: FloatArray, theirs: FloatArray) -> FloatArray:
    return np.asarray(ours / theirs - 1)
