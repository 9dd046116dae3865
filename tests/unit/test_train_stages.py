"""All three stages on a store of two clips: they learn, they go on exactly where they stopped."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

from sr_runtime.data.store import ClipStore
from sr_runtime.errors import ConfigError, TrainingError
from sr_runtime.model.checkpoint import (
    latent_key,
    load_config,
    load_generator,
    load_vae,
    load_weights,
)
from sr_runtime.model.noise_bands import NoiseBands
from sr_runtime.model.presets import CompactVAEConfig, OobleckConfig, VAEConfig
from sr_runtime.model.vae import build_vae
from sr_runtime.model.vae_compact import CompactVAE, overlap_add
from sr_runtime.train.audio_crops import AudioCrops
from sr_runtime.train.consistency import train_stage2
from sr_runtime.train.diffusion import train_stage1
from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.settings import ConsistencySettings, DiffusionSettings, VaeSettings
from sr_runtime.train.vae import reconstruction_metrics, train_vae
from sr_runtime.train.vae_compact import fit
from tests.training_material import TINY, make_features, make_store, make_vae

QUICK = {"precision": "32-true", "batch": 2, "log_every": 1, "validations": 2, "warmup_steps": 2}
pytestmark = pytest.mark.filterwarnings("ignore:.*pkg_resources.*")


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> ClipStore:
    torch.set_num_threads(1)
    store = make_store(tmp_path_factory.mktemp("store"))
    make_features(store)
    return store


@pytest.fixture(scope="module")
def vae(store, tmp_path_factory) -> Path:
    torch.manual_seed(0)
    return make_vae(tmp_path_factory.mktemp("vae"))


def vae_settings(**more) -> VaeSettings:
    return VaeSettings(**{**QUICK, "preset": "paper", "steps": 6, "crop_hops": 4, "ffts_per_step": 2, **more})


def stage1_settings(**more) -> DiffusionSettings:
    return DiffusionSettings(**{**QUICK, "steps": 6, "crop_hops": 12, "noise_draws": 2, **more})


def stage2_settings(**more) -> ConsistencySettings:
    return ConsistencySettings(**{**QUICK, "steps": 4, "crop_hops": 12, "noise_draws": 2, **more})


SMALL_OOBLECK = OobleckConfig(channels=2, multipliers=(1, 1, 2, 2, 2))
DESCENDING = replace(TINY, vae=VAEConfig(kind="oobleck", oobleck=SMALL_OOBLECK))
"""Its autoencoder is trained by gradient descent, not fitted."""


def losses(out: Path, kind: str = "train") -> list[float]:
    return [line["loss"] for line in RunFolder(out).lines(kind)]


def assert_same_weights(one: Path, other: Path) -> None:
    first, second = load_weights(one), load_weights(other)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_autoencoder_learns_a_tone(store, tmp_path):
    settings = vae_settings(steps=14, learning_rate=1e-2)
    assert train_vae(store.root, tmp_path, settings, config=DESCENDING)
    seen = losses(tmp_path)
    assert sum(seen[-4:]) < 0.9 * sum(seen[:4])


def test_finished_autoencoder_leaves_network_curves_and_sound(store, tmp_path):
    assert train_vae(store.root, tmp_path, vae_settings(steps=2), config=DESCENDING)
    network = load_vae(tmp_path / "network")
    assert load_config(tmp_path / "network") == DESCENDING
    assert not torch.equal(network.latent_std, torch.full_like(network.latent_std, 0.5))
    assert (tmp_path / "plots" / "stft.png").exists()
    assert (tmp_path / "samples" / "sample0_made.wav").exists()
    assert RunFolder(tmp_path).read_config()["settings"]["steps"] == 2


def test_interrupted_autoencoder_run_goes_on_exactly(store, tmp_path):
    settings = vae_settings(adversarial_from=0.5, adversarial_every=1, discriminator_filters=2)
    train_vae(store.root, tmp_path / "whole", settings, config=DESCENDING)
    assert not train_vae(store.root, tmp_path / "cut", settings, config=DESCENDING, stop_after=4)
    assert train_vae(store.root, tmp_path / "cut", settings, config=DESCENDING)
    assert_same_weights(tmp_path / "whole/network", tmp_path / "cut/network")
    assert losses(tmp_path / "whole") == losses(tmp_path / "cut")


def test_decoder_alone_can_be_tuned_so_that_latents_stay_valid(store, tmp_path):
    vae = make_vae(tmp_path / "before", DESCENDING)
    settings = vae_settings(steps=3, decoder_only=True, learning_rate=1e-2)
    train_vae(store.root, tmp_path, settings, init=vae, config=DESCENDING)
    before, after = load_weights(vae), load_weights(tmp_path / "network")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("decoder.") for name in changed)


def test_compact_autoencoder_is_fitted_in_two_passes(store, tmp_path):
    config, seen = replace(TINY, vae=VAEConfig(kind="compact")), []
    settings = VaeSettings(preset="mini", crop_hops=6)
    assert train_vae(store.root, tmp_path, settings, config=config, report=lambda *at: seen.append(at))
    assert seen == [(1, 0.5, {}), (2, 1.0, {})]
    assert train_vae(store.root, tmp_path, settings, config=config)
    assert len(list(RunFolder(tmp_path).lines("validation"))) == 1
    measured = next(RunFolder(tmp_path).lines("validation"))
    untrained = build_vae(config.vae)
    wave = AudioCrops(store, "validation", 6, 0.0)
    wave.rescan()
    crops = wave.fixed(8)
    with torch.no_grad():
        before = reconstruction_metrics(untrained.decode(untrained.encode(crops)[0]), crops)
    assert measured["band_level"] < 0.5 * before["band_level"]
    assert measured["stereo_error_db"] < 0.7 * before["stereo_error_db"]
    assert (tmp_path / "samples" / "sample0_made.wav").exists()
    assert RunFolder(tmp_path).read_config()["model"]["vae"]["kind"] == "compact"


def test_compact_autoencoder_refuses_weights_that_it_would_not_use(store, vae, tmp_path):
    with pytest.raises(TrainingError, match="give --init RUN and --set decoder_only=true together"):
        train_vae(store.root, tmp_path, VaeSettings(preset="mini"), init=vae, config=TINY)
    with pytest.raises(TrainingError, match="give --init RUN and --set decoder_only=true together"):
        train_vae(store.root, tmp_path, VaeSettings(preset="mini", decoder_only=True), config=TINY)


def test_a_decoder_fitted_anew_looks_back_and_leaves_latents_as_they_are(store, tmp_path):
    settings = VaeSettings(preset="mini")
    train_vae(store.root, tmp_path / "own", settings, config=TINY)
    compact = replace(TINY.vae.compact, past_hops=2)
    back = replace(TINY, vae=replace(TINY.vae, compact=compact))
    anew = msgspec.structs.replace(settings, decoder_only=True)
    train_vae(store.root, tmp_path / "back", anew, init=tmp_path / "own" / "network", config=back)
    own, looking = (load_vae(tmp_path / name / "network") for name in ("own", "back"))
    assert latent_key(tmp_path / "own" / "network") == latent_key(tmp_path / "back" / "network")
    wave = 0.1 * torch.randn(1, 2, 12 * 1600)
    z = own.encode(wave)[0]
    assert torch.equal(z, looking.encode(wave)[0])
    whole, state, parts = looking.decode(z), looking.initial_decoder_state(1), []
    for hop in z.split(1, dim=2):
        part, state = looking.decode_step(hop, state)
        parts.append(part)
    assert torch.allclose(torch.cat(parts, -1), whole, atol=1e-5)
    changed = z.clone()
    changed[..., 3] += 1.0
    heard = (looking.decode(changed) - whole).abs().amax((0, 1)).reshape(12, 1600).amax(1)
    assert heard[:3].max() == 0.0  # nothing is heard before its time
    assert (heard[3:6] > 1e-4).all()
    assert heard[7:].max() < 1e-6


def test_before_the_first_hop_there_is_silence(store, tmp_path):
    back = replace(TINY, vae=replace(TINY.vae, compact=replace(TINY.vae.compact, past_hops=3)))
    train_vae(store.root, tmp_path, VaeSettings(preset="mini"), config=back)
    looking = load_vae(tmp_path / "network")
    quiet = looking.decode(looking.encode(torch.zeros(1, 2, 20 * 1600))[0])
    steady = quiet[..., 8 * 1600 : 16 * 1600].square().mean()
    assert quiet[..., : 4 * 1600].square().mean() < 2 * steady + 1e-12


def test_an_encoder_of_another_form_is_not_kept(store, vae, tmp_path):
    other = replace(TINY, vae=VAEConfig(kind="compact"))
    settings = VaeSettings(preset="mini", decoder_only=True)
    with pytest.raises(TrainingError, match="not an encoder of this preset"):
        train_vae(store.root, tmp_path, settings, init=vae, config=other)


def test_recordings_too_short_to_measure_on_are_refused_before_the_fit(store, tmp_path):
    with pytest.raises(TrainingError, match="61 hops or more"):
        train_vae(store.root, tmp_path, VaeSettings(preset="mini", crop_hops=61), config=TINY)
    assert not (tmp_path / "network").exists()


def test_fitted_code_tells_one_tone_from_another(tmp_path):
    store, vae = make_store(tmp_path), build_vae(VAEConfig(kind="compact"))
    fit(vae, store.clips("train"))
    time = torch.arange(20 * 1600) / 48_000
    waves = torch.stack([0.3 * torch.sin(2 * math.pi * f * time).expand(2, -1) for f in (440.0, 3000.0)])
    with torch.no_grad():
        made = vae.decode(vae.encode(waves)[0])[..., 4800:]
    spectra = torch.fft.rfft(made[:, 0]).abs()
    assert 400 < float(spectra[0].argmax()) * 48_000 / made.shape[-1] < 480


def test_fitted_decoder_tells_what_strays_from_what_does_not(tmp_path):
    """Loud parts are made with levels that stray, quiet ones with levels that do not."""
    hops, bands = 240, 12
    is_loud = (torch.arange(2 * hops) // 60) % 2 == 1
    levels = torch.where(is_loud, -3.0, -6.0)[None, :, None].expand(1, -1, 3 * bands)
    strays = torch.where(is_loud, math.log(0.5), -5.0)[None, :, None].expand(1, -1, bands)
    windows = NoiseBands(bands, 1600)(levels, torch.zeros(1), strays)
    wave = overlap_add(windows, torch.zeros(1, 2, 800))[0]
    (clip,) = make_store(tmp_path, hops, wave[0].T.numpy()).clips("train")
    compact = CompactVAEConfig(bands=bands, fast_bands=8, past_hops=1, deviates=True)
    seen, vae = [], CompactVAE(VAEConfig(kind="compact", latent=4, compact=compact))
    fit(vae, [clip], lambda done, of: seen.append((done, of)))
    assert seen == [(1, 3), (2, 3), (3, 3)]
    decoder, z = vae.decoder, vae.encode(wave)[0]
    with torch.no_grad():
        told = decoder.deviation(decoder.in_context(z, decoder.initial_state(1))[0].transpose(1, 2))[0].mean(
            1
        )
    in_loud, in_quiet = (told[k : k + 20].mean() for k in (35, 65))  # away from where they meet
    assert in_loud > in_quiet + 0.4
    assert -1.3 < in_loud < 0.2  # ln 0.5 and the scale, and what noise itself strays


def test_generator_learns(store, vae, tmp_path):
    settings = stage1_settings(steps=40, learning_rate=1e-2, batch=4)
    assert train_stage1(store.root, tmp_path, vae, settings, config=TINY)
    seen = losses(tmp_path)
    assert sum(seen[-8:]) < 0.97 * sum(seen[:8])


def test_both_stages_can_splice_histories_and_validate_without(store, vae, tmp_path):
    plain, spliced = (tmp_path / name for name in ("plain", "spliced"))
    train_stage1(store.root, plain, vae, stage1_settings(steps=2), config=TINY)
    train_stage1(store.root, spliced, vae, stage1_settings(steps=2, splice_share=1.0), config=TINY)
    assert losses(plain)[0] != losses(spliced)[0]
    tuned = [tmp_path / "plain2", tmp_path / "spliced2"]
    for out, share in zip(tuned, (0.0, 1.0), strict=True):
        settings = stage2_settings(steps=2, splice_share=share)
        train_stage2(store.root, out, vae, settings, init=plain / "network")
    assert losses(tuned[0])[0] != losses(tuned[1])[0]
    # One step of a tiny rate apart: what is validated is the same.
    assert losses(tuned[0], "validation")[0] == pytest.approx(losses(tuned[1], "validation")[0], rel=1e-2)


def test_splices_want_another_crop():
    with pytest.raises(ConfigError, match=r"train.splice_share: .* batch of 2 or more, got 1"):
        DiffusionSettings(steps=1, splice_share=0.5, batch=1)


@pytest.mark.parametrize("name", ["drop_video", "deaf_share", "splice_share", "history_noise"])
@pytest.mark.parametrize("share", [-0.1, 1.5])
def test_a_share_that_is_none_is_refused_by_name(name, share):
    with pytest.raises(ConfigError, match=rf"train.{name}: expected 0 to 1, got {share}"):
        DiffusionSettings(steps=1, **{name: share})


def test_interrupted_generator_run_goes_on_exactly(store, vae, tmp_path):
    settings = stage1_settings(history_noise=0.2)
    train_stage1(store.root, tmp_path / "whole", vae, settings, config=TINY)
    assert not train_stage1(store.root, tmp_path / "cut", vae, settings, config=TINY, stop_after=2)
    assert train_stage1(store.root, tmp_path / "cut", vae, settings, config=TINY)
    assert_same_weights(tmp_path / "whole/network", tmp_path / "cut/network")
    assert losses(tmp_path / "whole") == losses(tmp_path / "cut")
    assert losses(tmp_path / "whole", "validation") == losses(tmp_path / "cut", "validation")


def test_both_generator_stages_follow_one_another(store, vae, tmp_path):
    assert train_stage1(store.root, tmp_path / "one", vae, stage1_settings(steps=2), config=TINY)
    network = tmp_path / "one" / "network"
    assert train_stage2(store.root, tmp_path / "two", vae, stage2_settings(), init=network)
    generator = load_generator(tmp_path / "two" / "network")
    assert generator.config.head.dropout == 0.2
    assert (tmp_path / "two" / "samples" / "nfe1_0_made.wav").exists()
    validation = list(RunFolder(tmp_path / "two").lines("validation"))
    assert {"loss", "loss_without_video"} <= validation[-1].keys()


def test_second_stage_can_tune_the_head_alone(store, vae, tmp_path):
    assert train_stage1(store.root, tmp_path / "one", vae, stage1_settings(steps=2), config=TINY)
    network = tmp_path / "one" / "network"
    settings = stage2_settings(tuned="head", learning_rate=1e-2)
    assert train_stage2(store.root, tmp_path / "two", vae, settings, init=network)
    before, after = load_weights(network), load_weights(tmp_path / "two" / "network")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed
    assert all(name.startswith("diffusion_head.") for name in changed)


def test_second_stage_without_a_first_one_is_refused(store, vae, tmp_path):
    with pytest.raises(TrainingError, match="train stage 1 first"):
        train_stage2(store.root, tmp_path / "two", vae, stage2_settings(), init=tmp_path / "nothing")


def test_autoencoder_that_was_never_trained_is_named(store, tmp_path):
    with pytest.raises(TrainingError, match=r"weights\.safetensors is missing"):
        train_stage1(store.root, tmp_path / "one", tmp_path, stage1_settings(), config=TINY)


def test_empty_store_says_how_to_record(tmp_path):
    with pytest.raises(TrainingError, match="sr-runtime record"):
        train_vae(tmp_path / "store", tmp_path / "run", vae_settings(), config=TINY)


def test_clips_shorter_than_a_crop_are_refused(store, vae, tmp_path):
    with pytest.raises(TrainingError, match="has 240 hops"):
        train_stage1(store.root, tmp_path, vae, stage1_settings(crop_hops=240), config=TINY)


def test_run_whose_clips_are_gone_does_not_go_on_silently(store, vae, tmp_path):
    train_stage1(store.root, tmp_path, vae, stage1_settings(), config=TINY, stop_after=1)
    other = make_store(tmp_path / "other")
    for clip in list(other):
        clip.path.rename(clip.path.with_name(clip.clip_id + "x"))
        text = clip.path.with_name(clip.clip_id + "x") / "clip.json"
        text.write_text(text.read_text().replace(clip.clip_id, clip.clip_id + "x"))
    make_features(other)
    with pytest.raises(TrainingError, match="lacks clips"):
        train_stage1(other.root, tmp_path, vae, stage1_settings(), config=TINY)
