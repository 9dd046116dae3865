"""Is the right class heard at the right moment: isolated onsets, the classifier, accuracy and its chance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sr_runtime.data.store import Clip, ClipMeta, ClipStore
from sr_runtime.errors import DataError
from sr_runtime.evaluate.class_accuracy import accuracy_table, class_accuracies
from sr_runtime.evaluate.clips import EvaluationClip
from sr_runtime.evaluate.isolated import isolated_onsets, sounds_at
from sr_runtime.evaluate.onset_classifier import fit_classifier, train_classifier
from sr_runtime.evaluate.scores import Take
from sr_runtime.types import Audio

HOPS = 300
CLASSES = ("weapon", "monster", "pickup")


def sound_of(name: str, seed: int) -> np.ndarray:
    """Return 0.5 s of a class: a burst of noise, a low growl, a high chime, each time a little other."""
    rng = np.random.default_rng(seed)
    time = np.arange(24_000) / 48_000
    fade = np.exp(-time * 8)
    if name == "weapon":
        return rng.standard_normal(24_000) * fade * 0.1
    pitch = (150 if name == "monster" else 2500) * rng.uniform(0.9, 1.1)
    return sum(np.sin(2 * np.pi * pitch * k * time) / k for k in (1, 2, 3)) * fade * 0.2


def stem_of(name: str, times_s: list[float], seed: int = 0) -> Audio:
    stem = np.zeros(HOPS * 1600)
    for number, time_s in enumerate(times_s):
        start = round(time_s * 48_000)
        stem[start : start + 24_000] += sound_of(name, 1000 * seed + number)[: len(stem) - start]
    return np.repeat(stem[:, None], 2, axis=1).astype(np.float32)


def write_stems(root: Path, split: str, seed: int) -> Clip:
    """Write a clip whose classes sound in turns, every 0.45 s, in an order of its own."""
    rng = np.random.default_rng(seed)
    order = [CLASSES[index] for index in rng.integers(0, 3, 20)]
    times = {name: [0.3 + 0.45 * k for k, of in enumerate(order) if of == name] for name in CLASSES}
    stems = {name: stem_of(name, times[name], seed) for name in CLASSES}
    meta = ClipMeta(
        clip_id=f"{split}-{seed}", split=split, source="video", kind="sparse", width=8, height=8, seed=seed
    )
    with ClipStore(root).writer(meta) as writer:
        for _ in range(HOPS):
            writer.add_frame(np.zeros((8, 8, 3), np.uint8))
        for name, stem in stems.items():
            writer.add_stem(name, np.rint(stem * 32767).astype(np.int16))
        return writer.finish(np.rint(sum(stems.values()) * 32767).astype(np.int16), [], None)


@pytest.fixture(scope="module")
def training(tmp_path_factory) -> list[Clip]:
    root = tmp_path_factory.mktemp("training")
    return [write_stems(root, "train", seed) for seed in range(5)]


@pytest.fixture(scope="module")
def clips(tmp_path_factory) -> list[EvaluationClip]:
    root = tmp_path_factory.mktemp("validation")
    return [EvaluationClip(k, write_stems(root, "validation", 50 + k), True) for k in range(2)]


@pytest.fixture(scope="module")
def classifier(training):
    return train_classifier(training)


def take(clip: EvaluationClip, sound: Audio) -> Take:
    nothing = np.zeros((1, 1))
    heard = sounds_at(sound, clip.isolated_onsets.times_s, np.zeros(0))
    empty = np.zeros(0)
    return Take(clip, clip.index, empty, 0.0, empty, nothing, nothing, np.zeros(0, np.bool_), at_onsets=heard)


def test_only_onsets_of_one_class_alone_are_isolated():
    times = {"weapon": np.array([1.0, 3.0, 5.0, 5.1]), "door": np.array([3.04, 7.0])}
    stems = {"weapon": 2 * stem_of("weapon", [1.0, 3.0, 5.0, 5.1]), "door": stem_of("monster", [3.04, 7.0])}
    found = isolated_onsets(stems, times)
    assert found.times_s.tolist() == [1.0, 5.0, 7.0], "3.0 is mixed with a door, 5.1 belongs to 5.0"
    assert found.classes == ("weapon", "weapon", "door")


def test_loudness_tells_nothing_of_the_class_and_silence_is_marked():
    sound = stem_of("weapon", [1.0])
    loud, quiet = (sounds_at(sound * gain, np.array([1.0]), np.zeros(0)) for gain in (4.0, 2.0))
    # The band's floor at −60 dBFS is what is left of the difference.
    assert np.abs(loud.features - quiet.features).max() < 0.2 * np.abs(loud.features).max()
    assert sounds_at(sound, np.array([1.0, 8.0]), np.zeros(0)).is_silent.tolist() == [False, True]


def test_sound_that_is_a_little_late_is_heard_from_its_own_onset():
    true, late = stem_of("weapon", [1.0]), stem_of("weapon", [1.04])
    at = np.array([1.0])
    expected = sounds_at(true, at, at).features
    error = np.abs(sounds_at(late, at, np.array([1.04])).features - expected).max()
    assert error < 0.1 * np.abs(sounds_at(late, at, np.zeros(0)).features - expected).max()


def test_real_sound_of_other_clips_is_recognised(classifier, clips):
    assert set(classifier.classes) == set(CLASSES)
    found = class_accuracies({"real": [take(clip, clip.true_audio) for clip in clips]}, classifier)
    assert found.all.systems["real"].accuracy > 0.95  # measured 1.0
    assert found.all.systems["real"].p == pytest.approx(1e-4)
    assert found.all.systems["real"].chance == pytest.approx(1 / 3, abs=0.03)
    assert set(found.core.onsets) == set(CLASSES)


def test_wrong_moments_are_chance_and_silence_is_wrong(classifier, clips):
    shifted = [take(clip, np.roll(clip.true_audio, 5 * 21_600, axis=0)) for clip in clips]
    silent = [take(clip, np.zeros_like(clip.true_audio)) for clip in clips]
    real = [take(clip, clip.true_audio) for clip in clips]
    found = class_accuracies({"real": real, "model": shifted, "silence": silent}, classifier).all.systems
    assert found["model"].p > 0.05
    assert (found["silence"].accuracy, found["silence"].silent, found["silence"].p) == (0.0, 1.0, 1.0)


def test_one_sound_for_everything_is_chance_however_well_it_fits_the_clip(classifier, clips):
    guns = [take(clip, stem_of("weapon", list(clip.isolated_onsets.times_s))) for clip in clips]
    real = [take(clip, clip.true_audio) for clip in clips]
    model = class_accuracies({"real": real, "model": guns}, classifier).all.systems["model"]
    assert model.per_class["weapon"] > 0.9
    assert model.accuracy == pytest.approx(model.chance)
    assert model.p == 1.0


def test_seeds_are_no_further_observations(classifier, clips):
    real = [take(clip, clip.true_audio) for clip in clips]
    once = class_accuracies({"real": real, "model": real}, classifier).all
    twice = class_accuracies({"real": real, "model": [t for t in real for _ in range(2)]}, classifier).all
    assert once == twice


def test_table_has_chance_p_and_ceiling(classifier, clips):
    real = [take(clip, clip.true_audio) for clip in clips]
    page = "\n".join(accuracy_table(class_accuracies({"real": real, "model": real}, classifier)))
    assert "| real sound (ceiling) |" in page
    assert "| chance | p |" in page
    assert "0.0001" in page


def test_validation_clips_are_not_learnt_from(clips):
    with pytest.raises(DataError, match="training clips"):
        train_classifier([clips[0].clip])


def test_no_stems_is_no_classifier():
    assert train_classifier([]) is None


def test_too_few_sounds_are_refused_with_what_to_record():
    with pytest.raises(DataError, match="--ground-truth stems"):
        fit_classifier(np.zeros((21, 4)), ["weapon"] * 20 + ["door"])
