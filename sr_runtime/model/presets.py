"""The network's shape as data: frozen configs, and the three presets ``paper``, ``compact`` and ``mini``.

Called by everything that builds a network. Each open question of the paper is a field here; the default
is the reading that ``docs/model.md`` argues for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import msgspec

from sr_runtime.errors import ConfigError

Backbone = Literal["dinov2_vits14_reg", "efficientnet_lite0"]


@dataclass(frozen=True)
class VisionConfig:
    """The picture encoder, its input size and the projection of its grid.

    Attributes:
        width: Pixels; pictures are stretched to ``width × height``.
        tap_block: EfficientNet block whose output is the grid (10: 112 channels, stride 16).
        tuned_blocks: How many blocks up to that one belong to the generator, learned with it; 0: the whole
            encoder is frozen, as in the paper.
        pca: Channels kept of the grid, or None for the full grid.
        first_difference: What the first frame's difference is: ``feature`` (previous = 0) or ``zero``.
    """

    backbone: Backbone = "dinov2_vits14_reg"
    width: int = 392
    height: int = 224
    tap_block: int = 10
    tuned_blocks: int = field(default=0, repr=False)  # no part of the key of a feature cache: see frozen
    pca: int | None = 59
    first_difference: Literal["feature", "zero"] = "feature"

    def __post_init__(self) -> None:
        """Check how many blocks can be tuned.

        Raises:
            ConfigError: More than there are, or those of an encoder that cannot be cut.
        """
        most = self.tap_block if self.backbone == "efficientnet_lite0" else 0
        if not 0 <= self.tuned_blocks <= most:
            raise ConfigError(
                f"vision.tuned_blocks: expected 0 to {most} for {self.backbone}, got {self.tuned_blocks}"
            )

    @property
    def stride(self) -> int:
        """Pixels per grid cell."""
        return 14 if self.backbone == "dinov2_vits14_reg" else _EFFICIENTNET_STRIDES[self.tap_block]

    @property
    def grid_shape(self) -> tuple[int, int]:
        """Cells (rows, columns) of the grid."""
        return -(-self.height // self.stride), -(-self.width // self.stride)

    @property
    def backbone_channels(self) -> int:
        """Channels of the raw grid."""
        return 384 if self.backbone == "dinov2_vits14_reg" else _EFFICIENTNET_CHANNELS[self.tap_block]

    @property
    def frozen(self) -> VisionConfig:
        """The part of the encoder that no training changes, without a projection if some of it is tuned."""
        if not self.tuned_blocks:
            return self
        return replace(self, tap_block=self.tap_block - self.tuned_blocks, tuned_blocks=0, pca=None)

    @property
    def channels(self) -> int:
        """Channels of the grid that the aggregator sees."""
        return self.backbone_channels if self.pca is None else self.pca


_EFFICIENTNET_CHANNELS = (16, 24, 24, 40, 40, 80, 80, 80, 112, 112, 112, 192, 192, 192, 192, 320)
_EFFICIENTNET_STRIDES = (2, 4, 4, 8, 8, 16, 16, 16, 16, 16, 16, 32, 32, 32, 32, 32)


@dataclass(frozen=True)
class AggregatorConfig:
    """Projection, spatial downsampling and the transformer that sums a grid up in one token.

    Attributes:
        projection: Channels after the 1×1 convolution.
        kernel: Side of the stride-2 convolution: 3 (padded, overlapping) or 2 (patches, 2.25× cheaper).
        positions: Positional table of the grid tokens: learned, or fixed 2-D sinusoids.
        difference: Whether the temporal difference is looked at; False for comparison only.
        pooled: Whether grid and difference are averaged over the picture first; True for comparison only.
    """

    width: int = 512
    layers: int = 4
    heads: int = 8
    hidden: int = 1536
    projection: int = 512
    kernel: Literal[2, 3] = 3
    positions: Literal["learned", "sincos"] = "learned"
    dropout: float = 0.1
    difference: bool = True
    pooled: bool = False


@dataclass(frozen=True)
class TransformerConfig:
    """The causal transformer over ``[S, v1, x1, v2, …]``.

    Attributes:
        kv_heads: Grouped key/value heads; equal to ``heads`` for full multi-head attention.
        hidden: SwiGLU hidden width.
        window: Tokens that a position sees, itself included; None = the whole past (training only).
        context: Tokens of a training clip (8 s = 480); the cache length where ``window`` is None.
        history_noise: k_max of the noise mixed into projected audio tokens in training; 0 = off.
        deaf_share: Share of clips in training whose audio history is noise alone; 0 = off.
    """

    width: int = 1024
    layers: int = 18
    heads: int = 16
    kv_heads: int = 16
    head_dim: int = 64
    hidden: int = 2816
    rope_theta: float = 10_000.0
    window: int | None = None
    context: int = 480
    type_embedding: bool = True
    attention_dropout: float = 0.1
    residual_dropout: float = 0.1
    ffn_dropout: float = 0.1
    stochastic_depth: float = 0.1
    history_noise: float = 0.0
    deaf_share: float = 0.0

    @property
    def cache_tokens(self) -> int:
        """Length of the streaming key/value ring: every earlier token that a new one may see."""
        return self.context if self.window is None else self.window


@dataclass(frozen=True)
class HeadConfig:
    """The per-token diffusion head: MAR's MLP with AdaLN.

    Attributes:
        merge: How time and condition embeddings join: ``sum`` (MAR) or ``mp_sum`` ((a+b)/√2, EDM2).
    """

    width: int = 1280
    blocks: int = 8
    norm: Literal["layer", "rms"] = "layer"
    merge: Literal["sum", "mp_sum"] = "sum"
    dropout: float = 0.1
    frequencies: int = 256


@dataclass(frozen=True)
class OobleckConfig:
    """The paper's auto-encoder (stable-audio's Oobleck)."""

    channels: int = 128
    multipliers: tuple[int, ...] = (1, 2, 4, 8, 16)
    strides: tuple[int, ...] = (2, 4, 5, 5, 8)
    causal: bool = True


@dataclass(frozen=True)
class CompactVAEConfig:
    """A causal auto-encoder of levels of noise (:mod:`sr_runtime.model.vae_compact`).

    Attributes:
        step_samples: Half a window of the decoder's noise, and of what the encoder hears (800: 60 steps/s).
        bands: Mel-spaced bands of both.
        fast_step_samples: Half a window of what else the encoder hears (200: 240 steps/s).
        fast_bands: Bands of those.
        past_hops: Hops before its own whose latents the decoder looks at: no look-ahead, steadier levels.
        deviates: Whether the decoder tells how far levels stray from what it knows of them, and lets them.
    """

    step_samples: int = 800
    bands: int = 128
    fast_step_samples: int = 200
    fast_bands: int = 40
    past_hops: int = 0
    deviates: bool = False


@dataclass(frozen=True)
class VAEConfig:
    """Which auto-encoder, and the width of its latent (64 in the paper)."""

    kind: Literal["oobleck", "compact"] = "oobleck"
    latent: int = 64
    oobleck: OobleckConfig = field(default_factory=OobleckConfig)
    compact: CompactVAEConfig = field(default_factory=CompactVAEConfig)


@dataclass(frozen=True)
class ModelConfig:
    """The whole network."""

    name: str = "paper"
    vision: VisionConfig = field(default_factory=VisionConfig)
    aggregator: AggregatorConfig = field(default_factory=AggregatorConfig)
    transformer: TransformerConfig = field(default_factory=TransformerConfig)
    head: HeadConfig = field(default_factory=HeadConfig)
    vae: VAEConfig = field(default_factory=VAEConfig)
    sigma_data: float = 0.5


_COMPACT = ModelConfig(
    name="compact",
    vision=VisionConfig(backbone="efficientnet_lite0", width=224, height=128),
    aggregator=AggregatorConfig(width=384, layers=1, heads=6, hidden=1024, projection=192, kernel=2),
    transformer=TransformerConfig(width=640, layers=8, heads=10, kv_heads=2, hidden=1536, window=480),
    head=HeadConfig(width=768, blocks=4),
    vae=VAEConfig(kind="compact", compact=CompactVAEConfig(past_hops=2, deviates=True)),
)

_MINI = ModelConfig(
    name="mini",
    vision=VisionConfig(backbone="efficientnet_lite0", width=128, height=128),
    aggregator=AggregatorConfig(
        width=256, layers=1, heads=4, hidden=768, projection=128, kernel=2, dropout=0.0
    ),
    transformer=TransformerConfig(
        width=384,
        layers=6,
        heads=6,
        kv_heads=2,
        hidden=1024,
        window=240,
        attention_dropout=0.0,
        residual_dropout=0.1,
        ffn_dropout=0.0,
        stochastic_depth=0.0,
    ),
    head=HeadConfig(width=512, blocks=3),
    vae=VAEConfig(kind="compact", compact=CompactVAEConfig(past_hops=2, deviates=True)),
)

PRESETS: dict[str, ModelConfig] = {"paper": ModelConfig(), "compact": _COMPACT, "mini": _MINI}
"""Named shapes: ``paper`` (GPU), ``compact`` (≤ 55 M, one fast core), ``mini`` (≤ 30 M, one core)."""


def preset(name: str) -> ModelConfig:
    """Return a preset by name.

    Raises:
        ConfigError: There is no preset of that name.
    """
    try:
        return PRESETS[name]
    except KeyError:
        raise ConfigError(f"preset: expected one of {', '.join(PRESETS)}, got {name!r}") from None


def config_to_dict(config: ModelConfig) -> dict[str, Any]:
    """Return the config as plain dicts, lists, numbers and strings, ready for JSON."""
    plain: dict[str, Any] = msgspec.to_builtins(config)
    return plain


def config_from_dict(plain: Mapping[str, Any]) -> ModelConfig:
    """Rebuild a config from :func:`config_to_dict`'s output; missing fields take their defaults.

    Raises:
        ConfigError: A field has a wrong type or a value outside its choices; the message has its path.
    """
    try:
        return msgspec.convert(dict(plain), ModelConfig)
    except msgspec.ValidationError as error:
        raise ConfigError(f"model config: {error}") from None
