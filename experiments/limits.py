"""What is left to be won: how far a network is from what could be drawn from the picture, and what it costs.

    python -m experiments.limits --data STORE --vae VAE --out DIR --generator RUN

Two questions. What is the KL of posteriors made of: the code, chance, or the network? A network that drew
from the true distribution would still be as far from the real take as one of its takes is from another. And
can the side be seen at all? A linear map from the picture's features, fitted to other levels, says how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations

import msgspec
import numpy as np
import torch

from experiments.listening import Panel, decode, encode
from experiments.stores import features_for, spread
from experiments.subject import Subject, main
from sr_runtime.data.store import Clip
from sr_runtime.errors import DataError
from sr_runtime.evaluate.baselines import level_matched_noise
from sr_runtime.evaluate.clips import choose_clips
from sr_runtime.evaluate.distribution import EmbeddingSet, kad, kad_interval, kad_margin
from sr_runtime.evaluate.paired import FloatArray, kl_posteriors
from sr_runtime.evaluate.provenance import git_commit
from sr_runtime.evaluate.scores import Take, embedding_set, listen, mean_kl, pooled_side_agreement
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.model.checkpoint import load_generator, load_vae
from sr_runtime.model.generator import Generator
from sr_runtime.model.vae import VAE
from sr_runtime.train.latents import network_key
from sr_runtime.train.steering import fit_panning, told_of_windows
from sr_runtime.types import Audio

PARTS = 10
"""Of windows, by how sure the map is, for its calibration."""


class Divergence(msgspec.Struct, frozen=True, kw_only=True):
    """KL of YAMNet's posteriors on one kind of clips, nats.

    Attributes:
        takes: Of each seed's takes from the real ones.
        mean_take: Of all seeds' mean posterior from the real ones: what chance adds is gone.
        between_takes: Of one seed's takes from another's, mean over ordered pairs.
        code: Of the real sound through the autoencoder.
        other_clips: Of other clips' real sound, mean over all pairs of windows.
    """

    takes: list[float]
    mean_take: float
    between_takes: float
    code: float
    other_clips: float


class Distance(msgspec.Struct, frozen=True, kw_only=True):
    """KAD-YAMNet of a set of sounds from the dense clips' real sound.

    Attributes:
        value: KAD.
        low: Where 95 % of bootstrap draws over the clips begin.
        high: Where they end.
        beyond_model: The same interval of how much farther it is than the model, both from the same draws;
            None for the model itself.
    """

    value: float
    low: float
    high: float
    beyond_model: tuple[float, float] | None = None


class Sides(msgspec.Struct, frozen=True, kw_only=True):
    """How often a clearly panned window leans to the true side; chance is 0.5.

    Attributes:
        takes: Of each seed.
        picture: The likelier side by a linear map from the picture, fitted to training levels.
        surest_fifth: The same, of the fifth of windows where the map is surest.
        drawn: What drawing the side by the map's own odds would reach.
        windows: How many there are.
        fitted_windows: How many the map was fitted to.
    """

    takes: list[float]
    picture: float
    surest_fifth: float
    drawn: float
    windows: int
    fitted_windows: int


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What was measured.

    Attributes:
        dense: On dense clips.
        sparse: On sparse ones.
        distances: From the dense clips' real sound: of the ``model``, the ``code``, the real sound of all
            ``sparse`` validation clips (another class of scene) and level-matched ``noise``.
        sides: On all.
        clips: How many.
        seeds: Of the takes.
        network: First characters of the weights' sha256.
        command: What makes it again.
        commit: Of the code.
    """

    dense: Divergence
    sparse: Divergence
    distances: dict[str, Distance]
    sides: Sides
    clips: int
    seeds: int
    network: str
    command: str
    commit: str


def measure(subject: Subject) -> Limits:
    """Measure what chance, the code and the picture leave to be won.

    Raises:
        DataError: Too little training play, validation clips of one kind only, or nothing clearly panned.
    """
    store = subject.store
    panel = Panel.of(store, subject.clips, tuning=False, yamnet=Yamnet(torch.get_num_threads()))
    generator, autoencoder = load_generator(subject.network), load_vae(subject.vae)
    if len({clip.judges_sync for clip in panel.clips}) == 1:
        raise DataError(
            f"{store.root}: expected sparse and dense validation clips, got one kind; record both"
        )
    takes = subject.takes(generator, autoencoder, panel, "takes")
    code = [listen(through(autoencoder, clip.true_audio), clip, panel.ears) for clip in panel.clips]
    kinds = [
        divergence(
            *(
                [take for take in each if take.clip.judges_sync == is_sparse]
                for each in (panel.real, code, *takes)
            )
        )
        for is_sparse in (False, True)
    ]
    return Limits(
        dense=kinds[0],
        sparse=kinds[1],
        distances=distances(panel, code, takes),
        sides=sides(generator, panel, spread(store.clips("train"), subject.hours), takes),
        clips=len(panel.clips),
        seeds=subject.seeds,
        network=network_key(subject.network),
        command=subject.command,
        commit=git_commit(),
    )


def divergence(real: Sequence[Take], code: Sequence[Take], *takes: Sequence[Take]) -> Divergence:
    """Return what the KL of takes is made of.

    Args:
        real: Of the real sound.
        code: Of the same through the autoencoder.
        takes: Of each seed.
    """
    truth = posteriors(real)
    drawn = [posteriors(each) for each in takes]
    between = [mean_kl(one, other) for one, other in permutations(takes, 2)]
    others = [
        kl_posteriors(mine.posteriors, np.roll(theirs.posteriors, shift, axis=0))
        for mine, theirs in permutations(real, 2)
        if len(mine.posteriors) == len(theirs.posteriors)
        for shift in range(len(mine.posteriors))
    ]
    return Divergence(
        takes=[mean_kl(each, real) for each in takes],
        mean_take=kl_posteriors(truth, np.mean(drawn, axis=0)),
        between_takes=float(np.mean(between)),
        code=mean_kl(code, real),
        other_clips=float(np.mean(others)),
    )


def distances(panel: Panel, code: Sequence[Take], takes: Sequence[Sequence[Take]]) -> dict[str, Distance]:
    """Return how far sets of sounds are from the dense clips' real sound; see :class:`Limits`."""
    real = embedding_set(_dense(panel.real))
    noise = [
        listen(level_matched_noise(clip), clip, panel.ears) for clip in panel.clips if not clip.judges_sync
    ]
    model = embedding_set([take for each in takes for take in _dense(each)])
    rivals = {"code": _dense(code), "sparse": sparse_scenes(panel), "noise": noise}
    found = {"model": _distance(real, model)}
    for name, rival in rivals.items():
        heard = embedding_set(rival)
        margin = kad_margin(real, model, heard)
        found[name] = msgspec.structs.replace(_distance(real, heard), beyond_model=(margin.low, margin.high))
    return found


def _distance(real: EmbeddingSet, heard: EmbeddingSet) -> Distance:
    interval = kad_interval(real, heard)
    return Distance(value=kad(real, heard), low=interval.low, high=interval.high)


def sparse_scenes(panel: Panel) -> list[Take]:
    """Return the real sound of all sparse validation clips, as of clips that are not the panel's."""
    clips = [clip for clip in choose_clips(panel.store, needs_sync=False) if clip.judges_sync]
    return [listen(clip.true_audio, clip, panel.ears, origin=len(panel.clips) + clip.index) for clip in clips]


def _dense(takes: Sequence[Take]) -> list[Take]:
    return [take for take in takes if not take.clip.judges_sync]


def posteriors(takes: Sequence[Take]) -> FloatArray:
    """Return the posteriors of all windows, (windows, classes)."""
    return np.concatenate([take.posteriors for take in takes])


def through(vae: VAE, audio: Audio) -> Audio:
    """Return sound (samples, 2) of whole hops through an autoencoder."""
    return decode(vae, encode(vae, audio))


def sides(
    generator: Generator, panel: Panel, training: Sequence[Clip], takes: Sequence[Sequence[Take]]
) -> Sides:
    """Return how often the side is right, and how often it can be read off the picture.

    Raises:
        DataError: No validation clip is clearly panned.
        TrainingError: No training clip is.
    """
    judged = [clip.clip for clip in panel.clips]
    features = features_for(generator, panel.store, [*training, *judged])
    panning, fitted_windows = fit_panning(generator, features, training)
    guess, truth = told_of_windows(panning, generator, features, judged)
    if not len(truth):
        raise DataError(f"{panel.store.root}: no validation clip is clearly panned, so no side can be judged")
    is_right = np.sign(guess) == np.sign(truth)
    parts = min(PARTS, len(guess))
    by_sureness = [is_right[part].mean() for part in np.array_split(np.argsort(np.abs(guess)), parts)]
    return Sides(
        takes=[pooled_side_agreement(each) for each in takes],
        picture=float(is_right.mean()),
        surest_fifth=float(np.mean(by_sureness[-max(1, parts // 5) :])),
        drawn=float(np.mean([right**2 + (1 - right) ** 2 for right in by_sureness])),
        windows=len(truth),
        fitted_windows=fitted_windows,
    )


if __name__ == "__main__":
    main("limits", measure, default_seeds=6)
