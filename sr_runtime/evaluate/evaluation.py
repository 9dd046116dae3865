"""Run a whole evaluation: sound every clip with the model and the baselines, and hear it.

Called by ``sr-runtime evaluate``. Only a few example sounds stay in memory; the rest is reduced to what the
metrics need as soon as it is made.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sr_runtime.engine.session import Engine
from sr_runtime.evaluate import baselines
from sr_runtime.evaluate.clips import EvaluationClip
from sr_runtime.evaluate.generate import Progress, Sampling, generate, ignore_progress
from sr_runtime.evaluate.reconstruct import can_reconstruct, reconstruct
from sr_runtime.evaluate.retrieval import Retrieval
from sr_runtime.evaluate.scores import Ears, Take, listen
from sr_runtime.evaluate.tolerance import hear_reference, spelt_out
from sr_runtime.types import Audio

_EXAMPLES: Final = 4
"""Clips kept whole: about 60 MB each, with five sounds."""


@dataclass(frozen=True)
class Example:
    """A clip kept for listening and plots.

    Attributes:
        clip: The clip.
        sounds: System, or ``real`` → its sound of the whole clip, float32 (hops × 1600, 2), 48 kHz.
    """

    clip: EvaluationClip
    sounds: dict[str, Audio]


@dataclass
class Evaluation:
    """All takes of an evaluation.

    Attributes:
        clips: The clips.
        takes: System (``model``, ``real`` or a baseline) → its takes.
        examples: A few clips with the sounds that are worth hearing.
        hop_ms: Milliseconds of computing of each generated hop.
        retrieval_hops: Training pictures that retrieval chose from.
    """

    clips: Sequence[EvaluationClip]
    takes: dict[str, list[Take]] = field(default_factory=dict)
    examples: list[Example] = field(default_factory=list)
    hop_ms: list[float] = field(default_factory=list)
    retrieval_hops: int = 0


def evaluate(
    engine: Engine,
    clips: Sequence[EvaluationClip],
    ears: Ears,
    sampling: Sampling,
    seeds: int = 1,
    on_progress: Progress = ignore_progress,
    reference: Engine | None = None,
    retrieval: Retrieval | None = None,
) -> Evaluation:
    """Sound and hear every clip with every system.

    Args:
        engine: A warm engine.
        clips: From :func:`~sr_runtime.evaluate.clips.choose_clips`.
        ears: The networks to hear with.
        sampling: Settings of the model's sampler.
        seeds: Takes of the model per clip, seeds 0, 1, …
        on_progress: Told of every hop that the model or the reference made.
        reference: A warm engine with the same networks in another precision, to compare with.
        retrieval: The training pictures to look up, where there are any.

    Returns:
        The takes, ready for :func:`~sr_runtime.evaluate.judge.make_report`.
    """
    result = Evaluation(clips)
    result.takes["real"] = hear_all(clips, ears, lambda clip: clip.true_audio)
    hear_model(result, engine, ears, sampling, seeds, on_progress)
    hear_baselines(result, engine, ears, retrieval)
    if reference is not None:
        settings = spelt_out(sampling, engine)
        result.takes["reference"] = hear_reference(reference, clips, ears, settings, seeds, on_progress)
    return result


def hear_all(
    clips: Sequence[EvaluationClip], ears: Ears, sound: Callable[[EvaluationClip], Audio]
) -> list[Take]:
    """Return the takes of one system, ``sound(clip)`` for every clip."""
    return [listen(sound(clip), clip, ears) for clip in clips]


def hear_model(
    result: Evaluation,
    engine: Engine,
    ears: Ears,
    sampling: Sampling,
    seeds: int,
    on_progress: Progress,
) -> None:
    """Add the model's takes, the examples and its hop times."""
    wanted = {clip.index for clip in result.clips[:: max(1, len(result.clips) // _EXAMPLES)][:_EXAMPLES]}
    takes = result.takes.setdefault("model", [])
    for clip in result.clips:
        for seed in range(seeds):
            sound = generate(engine, clip.clip, sampling, seed, on_progress)
            result.hop_ms.extend(sound.hop_ms)
            takes.append(listen(sound.audio, clip, ears))
            if seed == 0 and clip.index in wanted:
                result.examples.append(Example(clip, {"real": clip.true_audio, "model": sound.audio}))


def hear_baselines(
    result: Evaluation, engine: Engine, ears: Ears, retrieval: Retrieval | None = None
) -> None:
    """Add the takes of silence, noise, another clip and, where they can be had, autoencoder and retrieval."""
    clips, takes = result.clips, result.takes
    takes["silence"] = hear_all(clips, ears, baselines.silence)
    takes["noise"] = hear_all(clips, ears, baselines.level_matched_noise)
    takes["other_clip"] = [_hear_other(clip, clips, ears) for clip in clips]
    for example in result.examples:
        example.sounds["other_clip"] = _other_sound(example.clip, clips)
    if can_reconstruct(engine):
        _hear_and_keep(result, ears, "vae", lambda clip: reconstruct(engine, clip.true_audio))
    if retrieval is not None:
        found = {clip.index: retrieval.sound(clip.clip) for clip in clips}
        _hear_and_keep(result, ears, "retrieval", lambda clip: found[clip.index])
        result.retrieval_hops = retrieval.hops
        if can_reconstruct(engine):
            coded = hear_all(clips, ears, lambda clip: reconstruct(engine, found[clip.index]))
            takes["retrieval_coded"] = coded


def _hear_and_keep(
    result: Evaluation, ears: Ears, system: str, sound: Callable[[EvaluationClip], Audio]
) -> None:
    """Add the takes of a system, and its sounds to the examples."""
    kept = {example.clip.index: example for example in result.examples}

    def made(clip: EvaluationClip) -> Audio:
        audio = sound(clip)
        if clip.index in kept:
            kept[clip.index].sounds[system] = audio
        return audio

    result.takes[system] = hear_all(result.clips, ears, made)


def _other_sound(clip: EvaluationClip, clips: Sequence[EvaluationClip]) -> Audio:
    return baselines.fitted(baselines.other_clip(clip, clips).true_audio, len(clip.true_audio))


def _hear_other(clip: EvaluationClip, clips: Sequence[EvaluationClip], ears: Ears) -> Take:
    return listen(_other_sound(clip, clips), clip, ears, origin=baselines.other_clip(clip, clips).index)
