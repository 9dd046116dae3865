"""What a training run can be told, one frozen struct per stage; saved as the run folder's config.json.

Used by every trainer and by ``sr-runtime train``.
"""

from __future__ import annotations

from typing import Literal, TypeVar

import msgspec

from sr_runtime.errors import ConfigError
from sr_runtime.model.presets import preset

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


class RunSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that all stages share.

    Attributes:
        preset: name in ``sr_runtime.model.presets.PRESETS``.
        steps: optimiser steps of the whole run; None = as many as fit into ``minutes``.
        minutes: training time of the whole run, over all resumptions; None = until ``steps``.
        batch: crops per step.
        learning_rate: peak of the schedule (linear warm-up, then cosine to 2 %).
        warmup_steps: steps of the linear warm-up.
        weight_decay: AdamW's, on matrices only.
        clip_norm: gradient norm above which gradients are scaled down.
        ema_decay: largest decay of the weight average; early steps use (1 + step) / (10 + step).
        seed: every random number of step k follows from (seed, k), so a resumed run repeats an unbroken one.
        precision: Lightning Fabric's name.
        accelerator: ``cpu``, ``cuda`` or ``auto``.
        compile_model: whether to run the network through torch.compile.
        checkpoint_minutes: time between two checkpoints.
        validations: how many times the run validates, evenly spaced.
        log_every: steps between two lines of log.jsonl.
    """

    preset: str = "mini"
    steps: int | None = None
    minutes: float | None = None
    batch: int = 8
    learning_rate: float = 5e-4
    warmup_steps: int = 100
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.998
    seed: int = 0
    precision: Precision = "bf16-mixed"
    accelerator: str = "cpu"
    compile_model: bool = False
    checkpoint_minutes: float = 5.0
    validations: int = 12
    log_every: int = 10

    @property
    def has_schedule(self) -> bool:
        """Whether the run is a descent that needs to know its end."""
        return True

    def __post_init__(self) -> None:
        """Check what can be checked without the data.

        Raises:
            ConfigError: naming the key, the range and the value.
        """
        if self.steps is None and self.minutes is None and self.has_schedule:
            raise ConfigError("train: the run has no end; give --steps or --minutes")
        for key, least in (("steps", 1), ("minutes", 1e-9), ("batch", 1), ("learning_rate", 0.0)):
            value = getattr(self, key)
            if value is not None and value < least:
                raise ConfigError(f"train.{key}: expected at least {least:g}, got {value}")
        if not 0.0 <= self.ema_decay < 1.0:
            raise ConfigError(f"train.ema_decay: expected 0 to below 1, got {self.ema_decay}")


class VaeSettings(RunSettings, frozen=True, kw_only=True):
    """Settings of ``sr-runtime train vae``.

    The weights differ from the published recipe where a run of minutes needs it: after 1,100 steps that
    recipe was 5 dB too quiet in every band, 20 dB below 120 Hz.

    Attributes:
        crop_hops: length of a crop; 30 hops are a second.
        ffts_per_step: how many of the seven FFT sizes a step compares.
        kl_weight: of the KL term (summed over channels).
        quiet_share: share of crops drawn from everywhere, silence included; the others are drawn by loudness.
        adversarial_from: progress (0..1) at which the discriminator joins; 1 = never.
        adversarial_every: it takes part in every n-th step.
        adversarial_weight: of the hinge term.
        matching_weight: of feature matching.
        discriminator_filters: width of the discriminator.
        waveform_weight: of a plain L1 distance of the waveforms (0 in the published recipe).
        log_weight: of the log-magnitude error.
        convergence_weight: of spectral convergence (1 in the published recipe).
        band_weight: of levels in mel bands (0 in the published recipe).
        balance_weight: of left against right in mel bands (0 in the published recipe).
        a_weighted: whether the loss hears with A-weighting (true in the published recipe).
        decoder_only: whether the encoder is frozen, so that latents made with it stay valid.
    """

    crop_hops: int = 30
    ffts_per_step: int = 3
    kl_weight: float = 2e-5
    quiet_share: float = 0.15
    adversarial_from: float = 1.0
    adversarial_every: int = 2
    adversarial_weight: float = 0.1
    matching_weight: float = 1.0
    discriminator_filters: int = 16
    waveform_weight: float = 0.0
    log_weight: float = 1.0
    convergence_weight: float = 0.2
    band_weight: float = 3.0
    balance_weight: float = 3.0
    a_weighted: bool = False
    decoder_only: bool = False

    @property
    def has_schedule(self) -> bool:
        """Whether the run is a descent; the compact autoencoder is fitted in closed form."""
        return preset(self.preset).vae.kind != "compact"


SHARES = ("drop_video", "source_share", "history_noise", "deaf_share", "splice_share", "quiet_share")
"""Settings of the generator's stages that are shares."""


class DiffusionSettings(RunSettings, frozen=True, kw_only=True):
    """Settings of ``sr-runtime train stage1`` (Algorithm 1).

    Attributes:
        crop_hops: length of a clip's crop; 240 = 8 s.
        noise_draws: noise levels per token and step (the batch multiplier).
        noise_mean: mean of ln σ.
        noise_std: standard deviation of ln σ.
        drop_video: probability that a crop's whole video is replaced by ∅.
        source_share: share of crops whose frames are held and dropped as a 15–144 frames/s source would.
        history_noise: largest share of noise mixed into the audio history; 0 = off.
        deaf_share: share of crops whose audio history is noise alone, so that the picture has to do; 0 = off.
        splice_share: share of crops whose audio history is another crop's in stretches, so that the network
            learns to come back to what it sees; 0 = off.
        quiet_share: share of crops drawn without regard to loudness.
        tuned_blocks: blocks at the picture encoder's end that learn, too, from the weights that --init has or
            else from ImageNet's; 0: none, those that --init has stay as they are.
        cached_only: whether to leave out clips whose features are not computed yet, rather than wait.
        lookahead_hops: how many hops ahead of its own a picture is shown. Not for live use: it bounds what an
            encoder that waits for pictures could reach.
    """

    crop_hops: int = 240
    noise_draws: int = 4
    noise_mean: float = -0.4
    noise_std: float = 1.0
    drop_video: float = 0.1
    source_share: float = 0.5
    history_noise: float = 0.0
    deaf_share: float = 0.25
    splice_share: float = 0.0
    quiet_share: float = 0.4
    tuned_blocks: int = 0
    cached_only: bool = False
    lookahead_hops: int = 0

    def __post_init__(self) -> None:
        """See :class:`RunSettings`."""
        super().__post_init__()
        if not 0 <= self.lookahead_hops < self.crop_hops:
            raise ConfigError(
                f"train.lookahead_hops: expected 0 to below crop_hops, {self.crop_hops}, "
                f"got {self.lookahead_hops}"
            )
        if self.splice_share and self.batch < 2:
            raise ConfigError(
                "train.splice_share: stretches come from another crop, so it takes a batch of 2 or more, "
                f"got {self.batch}"
            )
        for name in SHARES:
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ConfigError(f"train.{name}: expected 0 to 1, got {getattr(self, name)}")


class ConsistencySettings(DiffusionSettings, frozen=True, kw_only=True):
    """Settings of ``sr-runtime train stage2`` (Algorithm 2, Easy Consistency Tuning).

    Attributes:
        recipe: ``cf`` or ``in``: mapping, weighting and metric of ECT's CIFAR-10 or ImageNet recipe.
        head_dropout: the head's dropout in this stage.
        tuned: ``all``, or ``head`` to leave everything before the head as stage 1 made it.
    """

    recipe: Literal["cf", "in"] = "cf"
    head_dropout: float = 0.2
    tuned: Literal["all", "head"] = "all"


Settings = TypeVar("Settings", bound=RunSettings)


def with_overrides(settings: Settings, overrides: list[str]) -> Settings:
    """Return settings with ``key=value`` texts applied, every field checked for type and range.

    Args:
        settings: what to start from.
        overrides: such as ``["kl_weight=1e-4", "adversarial_from=0.7"]``.

    Raises:
        ConfigError: an unknown key, a value of the wrong type or out of range.
    """
    values = msgspec.to_builtins(settings)
    for text in overrides:
        key, separator, value = text.partition("=")
        if not separator or key not in values:
            raise ConfigError(f"train: --set {text}: expected key=value with a key of {', '.join(values)}")
        values[key] = value
    try:
        return msgspec.convert(values, type(settings), strict=False)
    except (msgspec.ValidationError, ValueError) as error:
        raise ConfigError(f"train: {error}") from None
