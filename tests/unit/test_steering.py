"""The side that a picture tells, and sounds turned to it."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from experiments.turning import Turning, told_by
from sr_runtime.cli.main import build_app
from sr_runtime.data.store import ClipStore
from sr_runtime.errors import BundleError, TrainingError
from sr_runtime.export.source import load_networks
from sr_runtime.model.checkpoint import grid_key, load_facts, load_panning, save_network
from sr_runtime.model.generator import Generator
from sr_runtime.model.presets import VAEConfig
from sr_runtime.model.steering import LEAST_BALANCE, SMOOTHING, Mirror, Panning, Steering
from sr_runtime.model.vae import build_vae
from sr_runtime.model.vae_compact import CompactVAE
from sr_runtime.train.features import vision_key
from sr_runtime.train.steering import train_steering
from sr_runtime.types import HOP_SAMPLES
from tests.training_material import TINY, make_store, stereo_vae

GRID = TINY.vision.grid_shape
HOPS = 300


@pytest.fixture(scope="module")
def vae(tmp_path_factory: pytest.TempPathFactory) -> CompactVAE:
    return stereo_vae(make_store(tmp_path_factory.mktemp("store")).clips("train"))


@pytest.fixture
def generator(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_network(tmp_path / "generator", Generator(TINY), TINY)
    return tmp_path / "generator"


def seen_and_heard(root: Path, seed: int = 0) -> tuple[ClipStore, np.ndarray]:
    """Return a store whose noise comes, for half a second each, from where features are larger."""
    rng = np.random.default_rng(seed)
    side = np.repeat(rng.choice([-1.0, 1.0], HOPS // 15), 15)
    gain = np.repeat(0.3 * np.stack((1 + 0.8 * side, 1 - 0.8 * side), 1), HOP_SAMPLES, axis=0)
    store = make_store(root, HOPS, (gain * rng.uniform(-1, 1, (HOPS * HOP_SAMPLES, 1))).astype(np.float32))
    folder = root / "features" / vision_key(TINY.vision) / "raw"
    folder.mkdir(parents=True)
    for clip in store:
        grids = rng.normal(0, 1, (HOPS, TINY.vision.channels, *GRID))
        grids[:, 3, :, : GRID[1] // 2] += side[:, None, None]
        grids[:, 3, :, GRID[1] // 2 :] -= side[:, None, None]
        np.save(folder / f"{clip.clip_id}.npy", grids.astype(np.float16))
    return store, side


def test_the_side_is_learned_where_the_picture_tells_it(tmp_path: Path, generator: Path) -> None:
    seen_and_heard(tmp_path / "store")
    facts = train_steering(tmp_path / "store", tmp_path / "run", generator)
    assert facts["windows"] == facts["validation_windows"] == HOPS / 3
    assert facts["validation_agreement"] > 0.95
    panning = load_panning(tmp_path / "run" / "network")
    assert load_facts(tmp_path / "run" / "network")["stage"] == "steering"
    left = torch.zeros(1, TINY.vision.channels, *GRID)
    left[:, 3, :, : GRID[1] // 2] = 1.0
    assert panning(left) - panning(left.flip(-1)) > 3.0  # dB


def test_no_side_is_learned_where_the_picture_does_not_tell_it(tmp_path: Path, generator: Path) -> None:
    store, _ = seen_and_heard(tmp_path / "store")
    rng = np.random.default_rng(1)
    for path in (store.root / "features").glob("*/raw/*.npy"):
        np.save(path, rng.normal(0, 1, np.load(path).shape).astype(np.float16))
    facts = train_steering(store.root, tmp_path / "run", generator)
    assert facts["validation_agreement"] == pytest.approx(0.5, abs=0.2)


def test_without_a_panned_sound_it_says_what_to_do(tmp_path: Path, generator: Path) -> None:
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, (60 * HOP_SAMPLES, 1)).repeat(2, axis=1)
    make_store(tmp_path / "store", 60, sound.astype(np.float32))
    with pytest.raises(
        TrainingError, match=r"none of 1 training clips is clearly panned.*without --steering"
    ):
        train_steering(tmp_path / "store", tmp_path / "run", generator)


def test_the_verb_says_how_often_the_side_is_told(tmp_path: Path, generator: Path) -> None:
    seen_and_heard(tmp_path / "store")
    options = ["--data", tmp_path / "store", "--generator", generator, "--out", tmp_path / "run"]
    result = CliRunner().invoke(build_app(), ["train", "steering", *map(str, options)])
    assert result.exit_code == 0, result.output
    assert "of 100 clearly panned windows of the validation clips; chance is 50%" in result.output
    assert "done: fitted to 100 windows" in result.output


def test_a_mirrored_latent_sounds_from_the_other_side(vae: CompactVAE) -> None:
    mirror = Mirror(vae)
    latents = 0.5 * torch.randn(200, 64, generator=torch.Generator().manual_seed(0))
    loud = latents[mirror.balance(latents) > 0.3]
    assert len(loud) > 3
    torch.testing.assert_close(mirror.balance(mirror(loud)), -mirror.balance(loud), rtol=0.2, atol=0.1)
    torch.testing.assert_close(
        mirror.levels_of(mirror(loud)), mirror.levels_of(loud).flip(2), rtol=0.05, atol=0.2
    )
    left, right = (_loudness(vae, latent) for latent in (loud[0], mirror(loud[:1])[0]))
    assert left[0] > left[1] and right[1] > right[0]
    assert np.allclose(left, right[::-1], rtol=0.3)


def _loudness(vae: CompactVAE, latent: torch.Tensor) -> np.ndarray:
    """Return the rms of a latent held for two seconds, left and right."""
    with torch.no_grad():
        wave = vae.decode(vae.denormalise(latent[None, :, None].expand(1, 64, 60)))[0]
    return wave.square().mean(1).sqrt().numpy()


def test_only_what_leans_to_the_wrong_side_is_turned(vae: CompactVAE) -> None:
    steering = Steering(Panning(TINY.vision), vae)
    latents = 0.5 * torch.randn(40, 64, generator=torch.Generator().manual_seed(1))
    balance = steering.mirror.balance(latents)
    leans, is_clear = balance.sign(), balance.abs() > LEAST_BALANCE
    turning = Turning(steering, torch.stack([3 * leans, -3 * leans, -0.1 * leans], dim=1))
    assert torch.equal(turning(0, latents), latents)  # told what they do
    turned = turning(1, latents)
    assert torch.equal(turned[is_clear], steering.mirror(latents)[is_clear])
    assert torch.equal(turned[~is_clear], latents[~is_clear])
    assert torch.equal(turning(2, latents), latents)  # told too little
    assert turning.share == pytest.approx(is_clear.float().mean().item() / 3)
    assert torch.equal(turning(4, latents), turned)  # begins again


def test_what_is_told_is_smoothed(vae: CompactVAE) -> None:
    steering = Steering(Panning(TINY.vision), vae)
    steering.panning.weight.fill_(1.0)
    grids = torch.zeros(4, TINY.vision.channels, *GRID)
    grids[1, 0, 0, 0] = 1.0
    kept, new = SMOOTHING, 1 - SMOOTHING
    assert told_by(steering, grids).tolist() == pytest.approx([0.0, new, new * kept, new * kept**2])


def test_latents_that_cannot_be_mirrored_are_refused() -> None:
    with pytest.raises(BundleError, match="this one is oobleck; export without --steering"):
        Steering(Panning(TINY.vision), build_vae(VAEConfig(kind="oobleck")))


def test_a_map_fitted_to_other_grids_is_refused(tmp_path: Path, vae: CompactVAE) -> None:
    config = replace(TINY, vae=vae.config, vision=replace(TINY.vision, pca=4))
    save_network(tmp_path / "vae", vae, config)
    fitted_to, other = Generator(config), Generator(config)
    with torch.no_grad():
        other.pca.basis.copy_(fitted_to.pca.basis.flip(0))
    facts = {"grids": grid_key(fitted_to)}
    save_network(tmp_path / "steering", Panning(config.vision), config, facts)
    for name, generator in {"same": fitted_to, "half": deepcopy(fitted_to).half(), "other": other}.items():
        save_network(tmp_path / name, generator, config)
    for name in ("same", "half"):
        assert load_networks(tmp_path / "vae", tmp_path / name, steering=tmp_path / "steering").steering
    with pytest.raises(BundleError, match=r"another picture encoder or projection.*train steering"):
        load_networks(tmp_path / "vae", tmp_path / "other", steering=tmp_path / "steering")


def test_folders_with_other_networks_are_refused_and_kept(tmp_path: Path, generator: Path) -> None:
    seen_and_heard(tmp_path / "store")
    before = (generator / "weights.safetensors").read_bytes()
    generator.rename(tmp_path / "network")
    with pytest.raises(TrainingError, match="holds a generator; choose another --out"):
        train_steering(tmp_path / "store", tmp_path, tmp_path / "network")
    assert (tmp_path / "network" / "weights.safetensors").read_bytes() == before
    with pytest.raises(BundleError, match="a generator, not a map from picture to side"):
        load_panning(tmp_path / "network")


def test_a_generator_of_latents_that_cannot_be_mirrored_is_refused_before_the_fit(tmp_path: Path) -> None:
    config = replace(TINY, vae=VAEConfig(kind="oobleck"))
    save_network(tmp_path / "generator", Generator(config), config)
    with pytest.raises(TrainingError, match="are oobleck; export it without --steering"):
        train_steering(tmp_path / "no-store", tmp_path / "run", tmp_path / "generator")


def test_what_is_below_hearing_is_on_neither_side(vae: CompactVAE) -> None:
    mirror = Mirror(vae)
    latents = 0.5 * torch.randn(20, 64, generator=torch.Generator().manual_seed(0))
    assert mirror.balance(latents).abs().max() > LEAST_BALANCE
    mirror.bias -= 30.0
    assert mirror.balance(latents).abs().max() == 0
