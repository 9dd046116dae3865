"""Run a whole evaluation: sound every clip with the model and the baselines, and compute the report.

Called by ``sr-runtime evaluate``. Only a few example sounds stay in memory; the rest is reduced to what the
metrics need as soon as it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from sr_runtime.engine.session import Engine
from sr_runtime.evaluate import baselines
from sr_runtime.evaluate.classes import class_recalls
from sr_runtime.evaluate.clips import EvaluationClip
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
from sr_runtime.evaluate.generate import Progress, Sampling, generate, ignore_progress
from sr_runtime.evaluate.provenance import bundle_sha256, git_commit
from sr_runtime.evaluate.reconstruct import can_reconstruct, reconstruct
from sr_runtime.evaluate.report import (
    Distances,
    HopTimes,
    Offsets,
    OnsetScores,
    Report,
    Settings,
    Span,
    Systems,
)
from sr_runtime.evaluate.scores import (
    Take,
    embedding_set,
    listen,
    mean_kl,
    mean_loudness_corr,
    onset_pairs,
    pooled_side_agreement,
)
from sr_runtime.evaluate.seeds import seed_spreads
from sr_runtime.evaluate.sync import chance_f1, offset_spread, pooled_f1
from sr_runtime.evaluate.tolerance import Tolerance, hear_reference, spelt_out, tolerance
from sr_runtime.evaluate.yamnet import NETWORK, Yamnet
from sr_runtime.types import SAMPLE_RATE, Audio

BASELINES: Final = ("vae", "silence", "noise", "other_clip")
_EXAMPLES: Final = 3


@dataclass(frozen=True)
class Example:
    """A clip kept for listening and plots: its real and its generated sound."""

    clip: EvaluationClip
    generated: Audio


@dataclass
class Evaluation:
    """All takes of an evaluation.

    Attributes:
        clips: The clips.
        takes: System (``model``, ``real`` or a baseline) → its takes.
        examples: A few clips with their generated sound.
        hop_ms: Milliseconds of computing of each generated hop.
    """

    clips: Sequence[EvaluationClip]
    takes: dict[str, list[Take]] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    hop_ms: list[float] = field(default_factory=list)


def evaluate(
    engine: Engine,
    clips: Sequence[EvaluationClip],
    yamnet: Yamnet,
    sampling: Sampling,
    seeds: int = 1,
    on_progress: Progress = ignore_progress,
    reference: Engine | None = None,
) -> Evaluation:
    """Sound and hear every clip with every system.

    Args:
        engine: A warm engine.
        clips: From :func:`~sr_runtime.evaluate.clips.choose_clips`.
        yamnet: The classifier.
        sampling: Settings of the model's sampler.
        seeds: Takes of the model per clip, seeds 0, 1, …
        on_progress: Told of every hop that the model or the reference made.
        reference: A warm engine with the same networks in another precision, to compare with.

    Returns:
        The takes, ready for :func:`make_report`.
    """
    result = Evaluation(clips)
    result.takes["real"] = hear_all(clips, yamnet, lambda clip: clip.true_audio, with_onsets=True)
    hear_model(result, engine, yamnet, sampling, seeds, on_progress)
    hear_baselines(result, engine, yamnet)
    if reference is not None:
        settings = spelt_out(sampling, engine)
        result.takes["reference"] = hear_reference(reference, clips, yamnet, settings, seeds, on_progress)
    return result


def hear_all(
    clips: Sequence[EvaluationClip],
    yamnet: Yamnet,
    sound: Callable[[EvaluationClip], Audio],
    with_onsets: bool = False,
) -> list[Take]:
    """Return the takes of one system, ``sound(clip)`` for every clip."""
    return [listen(sound(clip), clip, yamnet, with_onsets=with_onsets) for clip in clips]


def hear_model(
    result: Evaluation,
    engine: Engine,
    yamnet: Yamnet,
    sampling: Sampling,
    seeds: int,
    on_progress: Progress,
) -> None:
    """Add the model's takes, its examples and its hop times."""
    wanted = {clip.index for clip in result.clips[:: max(1, len(result.clips) // _EXAMPLES)][:_EXAMPLES]}
    takes = result.takes.setdefault("model", [])
    for clip in result.clips:
        for seed in range(seeds):
            sound = generate(engine, clip.clip, sampling, seed, on_progress)
            result.hop_ms.extend(sound.hop_ms)
            takes.append(listen(sound.audio, clip, yamnet))
            if seed == 0 and clip.index in wanted:
                result.examples.append(Example(clip, sound.audio))


def hear_baselines(result: Evaluation, engine: Engine, yamnet: Yamnet) -> None:
    """Add the takes of silence, noise, another clip and, where the bundle can, the autoencoder."""
    clips, takes = result.clips, result.takes
    takes["silence"] = hear_all(clips, yamnet, baselines.silence)
    takes["noise"] = hear_all(clips, yamnet, baselines.level_matched_noise)
    takes["other_clip"] = [_hear_other(clip, clips, yamnet) for clip in clips]
    if can_reconstruct(engine):
        takes["vae"] = hear_all(clips, yamnet, lambda clip: reconstruct(engine, clip.true_audio), True)


def make_report(
    result: Evaluation, engine: Engine, sampling: Sampling, seeds: int = 1, reference: Engine | None = None
) -> Report:
    """Compute every figure of an evaluation; ``reference`` as in :func:`evaluate`."""
    real = result.takes["real"]
    drawn = sampling.resolved(engine)
    return Report(
        n_clips=len(result.clips),
        n_sync_clips=sum(clip.judges_sync for clip in result.clips),
        seconds=sum(len(clip.true_audio) for clip in result.clips) / SAMPLE_RATE,
        onset_f1=_onset_scores(result),
        offset_ms=_offsets(result),
        kl_yamnet=_systems(result, lambda takes: mean_kl(takes, real)),
        kl_yamnet_sparse=_systems(result, lambda takes: mean_kl(_of_kind(takes, True), real)),
        kl_yamnet_dense=_dense_kl(result),
        kad_yamnet=_distances(result, kad, kad_interval),
        fad_yamnet=_distances(result, fad, fad_interval),
        loudness_corr=_systems(result, mean_loudness_corr),
        side_agreement=_systems(result, pooled_side_agreement),
        seed_spread=seed_spreads(result.takes["model"], real, seeds),
        against=_against(result, engine, reference),
        class_recall=class_recalls(result.takes["model"], real),
        hop_ms=_hop_times(result.hop_ms),
        hops=len(result.hop_ms),
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


def _hear_other(clip: EvaluationClip, clips: Sequence[EvaluationClip], yamnet: Yamnet) -> Take:
    other = baselines.other_clip(clip, clips)
    sound = baselines.fitted(other.true_audio, len(clip.true_audio))
    return listen(sound, clip, yamnet, origin=other.index, with_onsets=False)


def _dense_kl(result: Evaluation) -> Systems | None:
    if all(clip.judges_sync for clip in result.clips):
        return None
    return _systems(result, lambda takes: mean_kl(_of_kind(takes, False), result.takes["real"]))


def _of_kind(takes: Sequence[Take], judges_sync: bool) -> list[Take]:
    return [take for take in takes if take.clip.judges_sync == judges_sync]


def _onset_scores(result: Evaluation) -> OnsetScores:
    pairs = {
        name: onset_pairs(result.takes[name]) for name in ("model", "real", "vae") if name in result.takes
    }
    return OnsetScores(
        model=pooled_f1(pairs["model"]),
        chance=chance_f1(pairs["model"]),
        ceiling=pooled_f1(pairs["real"]),
        vae=pooled_f1(pairs["vae"]) if "vae" in pairs else None,
    )


def _offsets(result: Evaluation) -> Offsets:
    spread = offset_spread(onset_pairs(result.takes["model"]))
    return Offsets(spread.median, spread.p10, spread.p90, spread.clips)


def _systems(result: Evaluation, metric: Callable[[Sequence[Take]], float]) -> Systems:
    vae = result.takes.get("vae")
    return Systems(
        model=metric(result.takes["model"]),
        vae=None if vae is None else metric(vae),
        silence=metric(result.takes["silence"]),
        noise=metric(result.takes["noise"]),
        other_clip=metric(result.takes["other_clip"]),
    )


def _distances(
    result: Evaluation,
    distance: Callable[[EmbeddingSet, EmbeddingSet], float],
    interval: Callable[[EmbeddingSet, EmbeddingSet], Interval],
) -> Distances:
    real, model = (embedding_set(result.takes[name]) for name in ("real", "model"))
    systems = _systems(result, lambda takes: distance(real, embedding_set(takes)))
    span = interval(real, model)
    return Distances(
        model=systems.model,
        vae=systems.vae,
        silence=systems.silence,
        noise=systems.noise,
        other_clip=systems.other_clip,
        real_floor=split_half_floor(real, distance) if len(result.clips) >= LEAST_FLOOR_CLIPS else None,
        interval=Span(span.low, span.high),
        n=len(model.vectors),
        n_real=len(real.vectors),
    )


def _hop_times(hop_ms: Sequence[float]) -> HopTimes:
    p50, p99, worst = (float(value) for value in np.percentile(hop_ms, [50, 99, 100]))
    return HopTimes(p50, p99, worst)
