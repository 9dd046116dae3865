"""Train the autoencoder: sound → one 64-d latent per hop → the same sound.

The compact one is fitted in closed form (:mod:`sr_runtime.train.vae_compact`), Oobleck by descent.

Called by ``sr-runtime train vae``. Oobleck's reconstruction is judged by the multi-resolution STFT loss alone
until ``adversarial_from``; from there a small discriminator joins.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning_fabric
import msgspec
import numpy as np
import torch
from torch import Tensor

from sr_runtime.data.store import ClipStore
from sr_runtime.errors import TrainingError
from sr_runtime.model.checkpoint import load_vae, save_network
from sr_runtime.model.presets import ModelConfig, config_to_dict, preset
from sr_runtime.model.vae import VAE, build_vae
from sr_runtime.model.vae_compact import CompactVAE
from sr_runtime.train.audio_crops import AudioCrops
from sr_runtime.train.discriminator import (
    Discriminator,
    adversarial_loss,
    discriminator_loss,
    feature_matching_loss,
)
from sr_runtime.train.ema import WeightAverage, evaluating
from sr_runtime.train.latents import latent_statistics
from sr_runtime.train.loop import Metrics, Reporter, TrainingLoop
from sr_runtime.train.losses import FFT_SIZES, LossWeights, band_errors, kl_divergence, stft_loss
from sr_runtime.train.optimiser import build_optimiser, set_rate
from sr_runtime.train.plots import plot_run
from sr_runtime.train.run_folder import RunFolder
from sr_runtime.train.samples import write_pairs
from sr_runtime.train.schedule import ema_decay, learning_rate
from sr_runtime.train.settings import VaeSettings
from sr_runtime.train.vae_compact import fit, fit_decoder, keep_encoder
from sr_runtime.types import HOP_HZ

RESCAN_STEPS = 100
"""New clips are looked for this often, so that training can start while a recorder is still at work."""

VALIDATION_CROPS = 32

SAMPLES = 6
"""Pairs of original and reconstructed sound that a run leaves."""

STATISTICS_HOPS = 20 * 60 * HOP_HZ
"""Twenty minutes of training sound set the latents' scale."""


class VaeStage:
    """The autoencoder's :class:`~sr_runtime.train.loop.Stage`.

    Args:
        store: recordings; the split ``train`` is learned, ``validation`` measured.
        settings: see :class:`VaeSettings`.
        config: the whole model's configuration, of which the autoencoder's part is trained.
        init: a network folder to start from, or None.
    """

    def __init__(
        self, store: ClipStore, settings: VaeSettings, config: ModelConfig, init: Path | None = None
    ) -> None:
        torch.manual_seed(settings.seed)
        self.settings, self.config = settings, config
        self.loss_weights = LossWeights(settings.log_weight, settings.convergence_weight, settings.a_weighted)
        self.fabric = lightning_fabric.Fabric(
            accelerator=settings.accelerator, devices=1, precision=settings.precision
        )
        vae = load_vae(init).train() if init else build_vae(config.vae)
        if settings.decoder_only:
            freeze_encoder(vae)
        self.average = WeightAverage(vae)
        optimiser = build_optimiser(vae, settings.learning_rate, settings.weight_decay, (0.8, 0.99))
        self.vae: VAE = vae
        self.network, self.optimiser = self.fabric.setup(AutoencoderPass(vae), optimiser)
        if settings.compile_model:
            self.network = torch.compile(self.network)
        self._set_up_discriminator()
        self.crops = AudioCrops(store, "train", settings.crop_hops, settings.quiet_share)
        self.held = AudioCrops(store, "validation", settings.crop_hops, 0.0)

    def _set_up_discriminator(self) -> None:
        module = Discriminator(filters=self.settings.discriminator_filters)
        optimiser = build_optimiser(module, 3e-4, 0.0, (0.8, 0.99))
        self.discriminator, self.discriminator_optimiser = self.fabric.setup(module, optimiser)

    def train_step(self, step: int, progress: float, rng: np.random.Generator) -> Metrics:
        """Do one step; see :class:`~sr_runtime.train.loop.Stage`."""
        if step % RESCAN_STEPS == 0:
            self.crops.rescan()
        settings = self.settings
        wave = self.fabric.to_device(self.crops.draw(settings.batch, rng))
        sizes = tuple(int(n) for n in rng.choice(FFT_SIZES, settings.ffts_per_step, replace=False))
        made, mean, logvar = self.network(wave)
        loss, metrics = self._reconstruction(made, wave, mean, logvar, sizes)
        is_adversarial = progress >= settings.adversarial_from and step % settings.adversarial_every == 0
        if is_adversarial:
            judged, more = self._judge(made, wave)
            loss, metrics = loss + judged, {**metrics, **more}
        rate = learning_rate(step, progress, settings.learning_rate, settings.warmup_steps)
        metrics |= {"loss": loss.item(), "rate": rate, "gradient": self._descend(loss, rate)}
        self.average.update(self.vae, ema_decay(step, settings.ema_decay))
        return metrics

    def _reconstruction(
        self, made: Tensor, wave: Tensor, mean: Tensor, logvar: Tensor, sizes: tuple[int, ...]
    ) -> tuple[Tensor, Metrics]:
        shift = int(torch.randint(0, 1024, ()))  # windows overlap by half only: move them about
        stft = stft_loss(made[..., shift:], wave[..., shift:], sizes, self.loss_weights, overlap=2)
        kl = kl_divergence(mean, logvar)
        loss = stft.total + self.settings.kl_weight * kl
        bands = band_errors(made[..., shift:], wave[..., shift:])
        loss = loss + self.settings.band_weight * bands.level + self.settings.balance_weight * bands.balance
        if self.settings.waveform_weight:
            loss = loss + self.settings.waveform_weight * (made - wave).abs().mean()
        return loss, {
            "stft": stft.total.item(),
            "log_magnitude": stft.log_magnitude.item(),
            "convergence": stft.convergence.item(),
            "band_level": bands.level.item(),
            "balance": bands.balance.item(),
            "kl": kl.item(),
        }

    def _judge(self, made: Tensor, wave: Tensor) -> tuple[Tensor, Metrics]:
        """Train the discriminator on this batch, then return its part of the autoencoder's loss."""
        real, fake = self.discriminator(wave), self.discriminator(made.detach())
        verdict = discriminator_loss(real, fake)
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(verdict)
        self.discriminator_optimiser.step()
        self.discriminator.requires_grad_(False)
        fake = self.discriminator(made)
        with torch.no_grad():
            real = self.discriminator(wave)
        self.discriminator.requires_grad_(True)
        hinge, matching = adversarial_loss(fake), feature_matching_loss(real, fake)
        loss = self.settings.adversarial_weight * hinge + self.settings.matching_weight * matching
        return loss, {"verdict": verdict.item(), "hinge": hinge.item(), "matching": matching.item()}

    def _descend(self, loss: Tensor, rate: float) -> float:
        set_rate([self.optimiser], rate)
        self.optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self.vae.parameters(), self.settings.clip_norm)
        if torch.isfinite(norm):  # one broken batch must not end a run of hours
            self.optimiser.step()
        return float(norm)

    def validate(self, step: int, progress: float) -> Metrics:
        """Measure reconstruction by the averaged weights on fixed crops."""
        del step, progress
        self.held.rescan()
        source = self.held if self.held.clip_ids else self.crops
        wave = source.fixed(VALIDATION_CROPS)
        with evaluating(self.average.module) as vae:
            posteriors = [vae.encode(part) for part in torch.split(wave, 8)]  # type: ignore[operator]
            made = torch.cat([vae.decode(m) for m, _ in posteriors])  # type: ignore[operator]
        mean = torch.cat([m for m, _ in posteriors])
        logvar = torch.cat([v for _, v in posteriors])
        return {**reconstruction_metrics(made, wave), **latent_metrics(mean, logvar)}

    def state_dict(self) -> dict[str, Any]:
        """See :class:`~sr_runtime.train.loop.Stage`."""
        return {
            "vae": self.vae.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "discriminator_optimiser": self.discriminator_optimiser.state_dict(),
            "clip_ids": list(self.crops.clip_ids),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """See :class:`~sr_runtime.train.loop.Stage`."""
        self.vae.load_state_dict(state["vae"])
        self.average.load_state_dict(state["average"])
        for name in ("optimiser", "discriminator", "discriminator_optimiser"):
            getattr(self, name).load_state_dict(state[name])
        self.crops.restore(state["clip_ids"])

    def save_network(self, run: RunFolder) -> None:
        """Write the averaged weights, with the latent statistics of the validation crops in them."""
        facts = {"stage": "vae", "hours": round(self.crops.hours, 3)}
        save_network(run.network, self.average.module, self.config, facts)

    def finish(self, run: RunFolder) -> None:
        """Set the latents' statistics, plot the curves and write original and reconstructed sound."""
        vae = self.average.module
        if not self.settings.decoder_only:
            latent_statistics(vae, self.crops.store, limit_hops=STATISTICS_HOPS)  # type: ignore[arg-type]
        self.save_network(run)
        plot_run(run)
        source = self.held if self.held.clip_ids else self.crops
        wave = source.fixed(SAMPLES)
        with evaluating(vae):
            write_pairs(run, wave, vae.decode(vae.encode(wave)[0]))  # type: ignore[operator]


def freeze_encoder(vae: VAE) -> None:
    """Exclude everything but the decoder from training.

    Raises:
        TrainingError: when the autoencoder has no part called ``decoder``.
    """
    decoder = getattr(vae, "decoder", None)
    if decoder is None:
        raise TrainingError(f"train.decoder_only: {type(vae).__name__} has no separate decoder")
    vae.requires_grad_(False)
    decoder.requires_grad_(True)


class AutoencoderPass(torch.nn.Module):
    """One training pass, sampled latents included, as a single module that can be compiled."""

    def __init__(self, vae: VAE) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, wave: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the reconstruction (B, 2, S), mean and log-variance (B, 64, T), all float32."""
        mean, logvar = self.vae.encode(wave)
        z = mean + torch.randn_like(mean) * (0.5 * logvar).exp()
        return self.vae.decode(z).float(), mean.float(), logvar.float()


def reconstruction_metrics(made: Tensor, wave: Tensor) -> Metrics:
    """Return spectral error over all FFT sizes, level and stereo differences.

    Args:
        made: float32 (N, 2, S).
        wave: float32 (N, 2, S).
    """
    stft = stft_loss(made, wave)
    bands = band_errors(made, wave)
    levels = [10 * (w.square().mean((1, 2)) + 1e-8).log10() for w in (made, wave)]
    sides = [
        10 * ((w[:, 0].square().mean(1) + 1e-7) / (w[:, 1].square().mean(1) + 1e-7)).log10()
        for w in (made, wave)
    ]
    noise = (made - wave).square().mean((1, 2)) + 1e-8
    snr = 10 * ((wave.square().mean((1, 2)) + 1e-8) / noise).log10()
    return {
        "stft": stft.total.item(),
        "log_magnitude": stft.log_magnitude.item(),
        "convergence": stft.convergence.item(),
        "band_level": bands.level.item(),
        "balance": bands.balance.item(),
        "level_db": (levels[0] - levels[1]).mean().item(),
        "level_error_db": (levels[0] - levels[1]).abs().mean().item(),
        "stereo_error_db": (sides[0] - sides[1]).abs().mean().item(),
        "snr_db": snr.mean().item(),
    }


def latent_metrics(mean: Tensor, logvar: Tensor) -> Metrics:
    """Return how the latents are used: spread, posterior width, live channels, smoothness.

    Args:
        mean: float32 (N, 64, T).
        logvar: float32 (N, 64, T).
    """
    deviation = mean.std((0, 2))
    width = (0.5 * logvar).exp().mean((0, 2))
    steps = mean.diff(dim=2).square().mean((0, 2)) / (2 * mean.var((0, 2)) + 1e-9)
    return {
        "latent_std": deviation.mean().item(),
        "posterior_std": width.mean().item(),
        "live_channels": float((deviation > width).sum()),
        "latent_change": steps.mean().item(),
    }


def train_vae(
    data: Path,
    out: Path,
    settings: VaeSettings,
    init: Path | None = None,
    report: Reporter | None = None,
    stop_after: int | None = None,
    config: ModelConfig | None = None,
) -> bool:
    """Train an autoencoder, or go on where ``out`` stands.

    Args:
        data: the clip store.
        out: the run folder.
        settings: see :class:`VaeSettings`.
        init: network folder to fine-tune from; not for ``compact``.
        report: called with every logged step.
        stop_after: end after this many steps of this call.
        config: the model, when it is none of the presets.

    Returns:
        Whether the run is complete.

    Raises:
        TrainingError: no recordings, or an ``init`` where nothing is fine-tuned.
    """
    run, config, store = RunFolder(out), config or preset(settings.preset), ClipStore(data)
    facts = {"stage": "vae", "settings": msgspec.to_builtins(settings), "model": config_to_dict(config)}
    if config.vae.kind == "compact":
        if (init is not None) != settings.decoder_only:
            raise TrainingError(
                "the compact autoencoder is fitted from recordings alone: give --init RUN and --set "
                "decoder_only=true together to keep that run's encoder, or neither; or use weights as they "
                "are with --vae"
            )
        fit_compact(store, run, settings, config, init, report)
        run.write_config(facts)
        return True
    stage = VaeStage(store, settings, config, init)
    run.write_config(facts)
    return TrainingLoop(stage, run, settings, report, stop_after).train()


def fit_compact(
    store: ClipStore,
    run: RunFolder,
    settings: VaeSettings,
    config: ModelConfig,
    init: Path | None,
    report: Reporter | None,
) -> None:
    """Fit the compact autoencoder, measure it, and write network, log line and samples.

    Args:
        store: recordings; the split ``train`` is learned, ``validation`` measured.
        run: where to write to.
        settings: ``crop_hops`` is the length of the crops that it is measured on.
        config: a model whose autoencoder is ``compact``.
        init: network folder whose encoder stays as it is; None fits one.
        report: called after every clip.
    """
    crops = AudioCrops(store, "validation", settings.crop_hops, 0.0)
    if not crops.rescan():
        crops = AudioCrops(store, "train", settings.crop_hops, 0.0)
        crops.rescan()
    wave = crops.fixed(VALIDATION_CROPS)  # first of all: a store without a crop's length is told at once
    vae = build_vae(config.vae).eval()
    assert isinstance(vae, CompactVAE)
    clips = store.clips("train")
    tell = (lambda done, of: report(done, done / of, {})) if report else None
    if init is None:
        fit(vae, clips, tell)
        latent_statistics(vae, store, limit_hops=STATISTICS_HOPS)
    else:
        keep_encoder(vae, init)
        fit_decoder(vae, clips, tell)
    hours = sum(clip.hops for clip in clips) / (HOP_HZ * 3600)
    save_network(run.network, vae, config, {"stage": "vae", "hours": round(hours, 3)})
    with torch.no_grad():
        mean, logvar = vae.encode(wave)
        made = vae.decode(mean)
    run.forget_after(-1)  # a second fit replaces the first
    run.log("validation", 0, {**reconstruction_metrics(made, wave), **latent_metrics(mean, logvar)})
    write_pairs(run, wave[:SAMPLES], made[:SAMPLES])
