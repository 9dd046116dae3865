from __future__ import annotations

import numpy as np
import pytest
import torch

from sr_runtime.errors import TrainingError
from sr_runtime.model.checkpoint import load_vae
from sr_runtime.model.presets import VisionConfig
from sr_runtime.model.vision import build_backbone
from sr_runtime.picture import stretch
from sr_runtime.train.audio_crops import AudioCrops
from sr_runtime.train.features import FeatureCache, vision_key
from sr_runtime.train.latents import LatentCache, encode_clip, latent_statistics
from sr_runtime.train.windows import WindowSampler
from tests.conftest import missing
from tests.training_material import TINY, make_features, make_store, make_vae


@pytest.fixture
def store(tmp_path):
    torch.set_num_threads(1)
    return make_store(tmp_path / "store", hops=40)


def test_latents_in_chunks_are_those_of_the_whole_clip(store, tmp_path, monkeypatch):
    vae = load_vae(make_vae(tmp_path / "vae"))
    audio = store.clips()[0].audio()
    whole = encode_clip(vae, audio)
    monkeypatch.setattr("sr_runtime.train.latents.CHUNK_HOPS", 16)
    monkeypatch.setattr("sr_runtime.train.latents.WARMUP_HOPS", 12)
    for one, other in zip(whole, encode_clip(vae, audio), strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_statistics_scale_latents_to_half(store, tmp_path):
    vae = load_vae(make_vae(tmp_path / "vae"))
    latent_statistics(vae, store)
    mean, logvar = encode_clip(vae, store.clips("train")[0].audio())
    z = mean + (0.5 * logvar).exp() * torch.randn_like(mean)
    normalised = vae.normalise(z.T[None])[0]
    assert normalised.mean(1).abs().max() < 0.3
    assert normalised.std(1).mean().item() == pytest.approx(0.5, rel=0.15)


def test_latents_are_computed_once_per_autoencoder(store, tmp_path):
    cache = LatentCache(store, make_vae(tmp_path / "vae"))
    cache.fill(store.clips())
    files = sorted(cache.folder.iterdir())
    stamps = [file.stat().st_mtime_ns for file in files]
    cache.fill(store.clips())
    assert [file.stat().st_mtime_ns for file in files] == stamps
    torch.manual_seed(9)
    assert LatentCache(store, make_vae(tmp_path / "other")).folder != cache.folder


def test_network_without_weights_is_named(store, tmp_path):
    with pytest.raises(TrainingError, match="train it first"):
        LatentCache(store, tmp_path)


def test_features_are_the_projected_grid_of_the_stretched_picture(store):
    pytest.importorskip("onnxscript")
    config = VisionConfig(backbone="efficientnet_lite0", width=32, height=32, tap_block=1, pca=5)
    try:
        backbone = build_backbone(config)
    except Exception as error:
        missing(f"the picture encoder ({error})", "pip install sr-runtime[train]")
    cache = FeatureCache(store, config)
    told = []
    cache.fill(store.clips(), lambda done, of: told.append((done, of)))
    assert told == [(1, 2), (2, 2)]
    clip, fit = store.clips("train")[0], cache.fit()
    grids = cache.read(clip)
    assert grids.shape == (40, 5, *config.grid_shape)
    assert grids.dtype == np.float16
    picture = torch.from_numpy(stretch(clip.frame(3), 32, 32)).permute(2, 0, 1)[None].float()
    raw = backbone(picture)[0] - fit.mean[:, None, None]
    wanted = torch.einsum("kc,chw->khw", fit.basis, raw)
    assert np.abs(grids[3] - wanted.numpy()).max() < 0.02
    # A network that is trained on keeps its own projection, whatever this store's would be.
    theirs = fit._replace(basis=-fit.basis)
    other = FeatureCache(store, config, fit=theirs)
    assert not other.has(clip)
    other.fill([clip])
    assert np.abs(other.read(clip)[3] + wanted.numpy()).max() < 0.02
    assert np.array_equal(FeatureCache(store, config).read(clip), grids)


def test_other_vision_settings_have_another_cache():
    assert vision_key(VisionConfig()) != vision_key(VisionConfig(pca=None))


def test_crops_prefer_loud_places(store):
    crops = AudioCrops(store, "train", 2, quiet_share=0.0)
    crops.rescan()
    everywhere = AudioCrops(store, "train", 2, quiet_share=1.0)
    everywhere.rescan()
    levels = [c.draw(64, np.random.default_rng(0)).square().mean().item() for c in (crops, everywhere)]
    assert levels[0] > 1.2 * levels[1]


def test_crops_of_one_seed_are_the_same_and_never_clip(store):
    crops = AudioCrops(store, "train", 2, quiet_share=0.15)
    assert crops.rescan() == 1
    assert crops.rescan() == 0
    one, other = (crops.draw(8, np.random.default_rng(3)) for _ in range(2))
    assert torch.equal(one, other)
    assert one.shape == (8, 2, 3200)
    assert one.abs().max() <= 1.0


def test_windows_pair_a_picture_with_the_sound_of_its_hop(store, tmp_path):
    make_features(store)
    latents = LatentCache(store, make_vae(tmp_path / "vae"))
    latents.fill(store.clips())
    features = FeatureCache(store, TINY.vision)
    sampler = WindowSampler(store.clips("train"), features, latents, crop_hops=8, source_share=0.0)
    batch = sampler.fixed(3)
    clip, start = sampler.fixed_clip(1, 3)
    assert torch.equal(batch.grids[1], torch.from_numpy(np.float32(features.read(clip)[start : start + 8])))
    mean = torch.from_numpy(latents.read(clip)[0][start : start + 8].astype(np.float32))
    assert torch.allclose(batch.latents[1], latents.vae.normalise(mean.T[None])[0].T, atol=1e-5)


def test_held_pictures_have_no_difference(store, tmp_path):
    make_features(store)
    latents = LatentCache(store, make_vae(tmp_path / "vae"))
    latents.fill(store.clips())
    features = FeatureCache(store, TINY.vision)
    sampler = WindowSampler(store.clips("train"), features, latents, crop_hops=24, source_share=1.0)
    grids = torch.cat([sampler.draw(4, np.random.default_rng(s)).grids for s in range(4)])
    changes = grids.diff(dim=1).abs().amax((2, 3, 4))
    assert (changes == 0).float().mean() > 0.05
    assert (changes > 0).float().mean() > 0.5
