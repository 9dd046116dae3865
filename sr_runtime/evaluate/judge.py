"""Compute every figure of an evaluation from what was heard.

Called by ``sr-runtime evaluate`` when all takes are there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np

from sr_runtime.engine.session import Engine
from sr_runtime.evaluate.class_accuracy import class_accuracies
from sr_runtime.evaluate.classes import class_recalls
from sr_runtime.evaluate.distribution import (
    LEAST_FLOOR_CLIPS,
    EmbeddingSet,
    Interval,
    fad,
    fad_interval,
    kad,
    kad_interval,
    split_half_floor,
)
from sr_runtime.evaluate.evaluation import Evaluation
from sr_runtime.evaluate.generate import Sampling
from sr_runtime.evaluate.missed import missed_sounds
from sr_runtime.evaluate.onset_classifier import OnsetClassifier
from sr_runtime.evaluate.provenance import bundle_sha256, git_commit
from sr_runtime.evaluate.report import (
    Distances,
    HopTimes,
    Offsets,
    OnsetScores,
    Report,
    Settings,
    Span,
    SyncScores,
    Systems,
)
from sr_runtime.evaluate.scores import (
    Take,
    embedding_set,
    mean_kl,
    mean_loudness_corr,
    onset_pairs,
    pooled_side_agreement,
    soundnet_set,
)
from sr_runtime.evaluate.seeds import seed_spreads
from sr_runtime.evaluate.silence import silences
from sr_runtime.evaluate.sync import chance_f1, offset_spread, pooled_counts
from sr_runtime.evaluate.systems import SYSTEMS
from sr_runtime.evaluate.tolerance import Tolerance, tolerance
from sr_runtime.evaluate.yamnet import NETWORK
from sr_runtime.types import SAMPLE_RATE


def make_report(
    result: Evaluation,
    engine: Engine,
    sampling: Sampling,
    seeds: int = 1,
    reference: Engine | None = None,
    classifier: OnsetClassifier | None = None,
) -> Report:
    """Compute every figure of an evaluation.

    Args:
        result: What :func:`~sr_runtime.evaluate.evaluation.evaluate` returned for the rest.
        engine: The same.
        sampling: The same.
        seeds: The same.
        reference: The same.
        classifier: Of sounds at onsets; None leaves the class accuracy out.
    """
    real = result.takes["real"]
    has_soundnet = real[0].soundnet is not None
    drawn = sampling.resolved(engine)
    sync = {name: _sync(result.takes[name]) for name in (*SYSTEMS, "real") if name in result.takes}
    return Report(
        n_clips=len(result.clips),
        n_sync_clips=sum(clip.judges_sync for clip in result.clips),
        seconds=sum(len(clip.true_audio) for clip in result.clips) / SAMPLE_RATE,
        onset_f1=_onset_scores(sync),
        offset_ms=sync["model"].offset_ms,
        sync=sync,
        kl_yamnet=_systems(result, lambda takes: mean_kl(takes, real)),
        kl_yamnet_sparse=_systems(result, lambda takes: mean_kl(_of_kind(takes, True), real)),
        kl_yamnet_dense=_dense_kl(result),
        kad_yamnet=_distances(result, embedding_set, kad, kad_interval),
        fad_yamnet=_distances(result, embedding_set, fad, fad_interval),
        kad_soundnet=_distances(result, soundnet_set, kad, kad_interval) if has_soundnet else None,
        fad_soundnet=_distances(result, soundnet_set, fad, fad_interval) if has_soundnet else None,
        loudness_corr=_systems(result, mean_loudness_corr),
        side_agreement=_systems(result, pooled_side_agreement),
        silence=silences(result.takes),
        missed=missed_sounds(result.takes),
        seed_spread=seed_spreads(result.takes["model"], real, seeds),
        against=_against(result, engine, reference),
        class_recall=class_recalls(result.takes["model"], real),
        class_accuracy=class_accuracies(result.takes, classifier) if classifier else None,
        hop_ms=_hop_times(result.hop_ms),
        hops=len(result.hop_ms),
        retrieval_hops=result.retrieval_hops,
        network=NETWORK,
        settings=Settings(drawn.guidance, drawn.nfe, drawn.sampler, seeds),
        model=engine.bundle.name,
        bundle_sha256=bundle_sha256(engine.bundle),
        device=engine.device,
        threads=engine.threads,
        commit=git_commit(),
    )


def _against(result: Evaluation, engine: Engine, reference: Engine | None) -> Tolerance | None:
    if reference is None:
        return None
    takes = result.takes
    return tolerance(takes["model"], takes["reference"], takes["real"], engine.bundle, reference.bundle)


def _dense_kl(result: Evaluation) -> Systems | None:
    if all(clip.judges_sync for clip in result.clips):
        return None
    return _systems(result, lambda takes: mean_kl(_of_kind(takes, False), result.takes["real"]))


def _of_kind(takes: Sequence[Take], judges_sync: bool) -> list[Take]:
    return [take for take in takes if take.clip.judges_sync == judges_sync]


def _sync(takes: Sequence[Take]) -> SyncScores:
    pairs = onset_pairs(takes)
    counts, spread = pooled_counts(pairs), offset_spread(pairs)
    return SyncScores(
        onset_f1=counts.f1,
        chance=chance_f1(pairs),
        precision=counts.precision if counts.estimated else None,
        recall=counts.recall,
        offset_ms=Offsets(spread.median, spread.p10, spread.p90, spread.clips),
    )


def _onset_scores(sync: Mapping[str, SyncScores]) -> OnsetScores:
    return OnsetScores(
        model=sync["model"].onset_f1,
        chance=sync["model"].chance,
        ceiling=sync["real"].onset_f1,
        vae=sync["vae"].onset_f1 if "vae" in sync else None,
    )


def _systems(result: Evaluation, metric: Callable[[Sequence[Take]], float]) -> Systems:
    there = {name: metric(takes) for name in SYSTEMS if (takes := result.takes.get(name))}
    return msgspec.convert({"vae": None, **there}, Systems)


def _distances(
    result: Evaluation,
    heard: Callable[[Sequence[Take]], EmbeddingSet],
    distance: Callable[[EmbeddingSet, EmbeddingSet], float],
    interval: Callable[[EmbeddingSet, EmbeddingSet], Interval],
) -> Distances:
    real, model = (heard(result.takes[name]) for name in ("real", "model"))
    systems = _systems(result, lambda takes: distance(real, heard(takes)))
    span = interval(real, model)
    return Distances(
        **msgspec.structs.asdict(systems),
        real_floor=split_half_floor(real, distance) if len(result.clips) >= LEAST_FLOOR_CLIPS else None,
        interval=Span(span.low, span.high),
        n=len(model.vectors),
        n_real=len(real.vectors),
    )


def _hop_times(hop_ms: Sequence[float]) -> HopTimes:
    p50, p99, worst = (float(value) for value in np.percentile(hop_ms, [50, 99, 100]))
    return HopTimes(p50, p99, worst)
