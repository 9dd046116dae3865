"""The causal transformer F_φ, whole sequences in training and one token at a time in a session.

LLaMA-style: pre-RMSNorm, SwiGLU, rotary positions, grouped key/value heads, no biases. A position sees
itself and the ``window`` − 1 tokens before it, in training (mask) as in streaming (ring), so a session never
leaves what was trained. Exported graphs stream in the *delta* form (``step``): the cache is read only, new
keys and values come out, and the caller writes the ring. ``append`` writes it in place, in half the launches.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sr_runtime.model.attention import window_mask, windowed_attention
from sr_runtime.model.layers import RMS_EPS, StochasticDepth, SwiGLU
from sr_runtime.model.presets import TransformerConfig
from sr_runtime.model.rope import Extension, rotary_angles, rotate, rotate_spread, spread_angles


class KeyValue(NamedTuple):
    """Keys and values of one layer, each (B, kv_heads, tokens, head_dim); keys are rotated already."""

    key: Tensor
    value: Tensor


class Attention(nn.Module):
    """Causal self-attention with grouped key/value heads."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        self.groups = config.heads // config.kv_heads
        self.qkv = nn.Linear(config.width, (config.heads + 2 * config.kv_heads) * config.head_dim, bias=False)
        self.output = nn.Linear(config.heads * config.head_dim, config.width, bias=False)

    def _project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, KeyValue]:
        """Return queries (B, kv_heads, groups, T, d) and the new keys and values (B, kv_heads, T, d)."""
        config, (batch, tokens, _) = self.config, x.shape
        shared = config.kv_heads * config.head_dim
        query, key, value = self.qkv(x).split((config.heads * config.head_dim, shared, shared), dim=-1)
        query = query.reshape(batch, tokens, config.kv_heads, self.groups, config.head_dim)
        query = query.permute(0, 2, 3, 1, 4)
        key = key.reshape(batch, tokens, config.kv_heads, config.head_dim).transpose(1, 2)
        value = value.reshape(batch, tokens, config.kv_heads, config.head_dim).transpose(1, 2)
        key = rotate(key.unsqueeze(2), cos, sin).squeeze(2)
        return rotate(query, cos, sin), KeyValue(key, value)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """Attend within whole sequences (B, T, width); ``mask`` is additive (T, T)."""
        query, new = self._project(x, cos, sin)
        dropout = self.config.attention_dropout if self.training else 0.0
        mixed = windowed_attention(query, new.key, new.value, mask, self.config.window, dropout)
        return cast(Tensor, self.output(mixed.permute(0, 3, 1, 2, 4).reshape(*x.shape[:2], -1)))

    def step(
        self, x: Tensor, past: KeyValue, cos: Tensor, sin: Tensor, mask: Tensor
    ) -> tuple[Tensor, KeyValue]:
        """Attend from one token (B, 1, width) to ring and itself; ``mask`` is additive (B or 1, ring)."""
        query, new = self._project(x, cos[:, None, None, None], sin[:, None, None, None])
        query = query.squeeze(3) * self.config.head_dim**-0.5
        on_past = query @ past.key.transpose(-1, -2) + mask[:, None, None]
        on_self = (query * new.key).sum(-1, keepdim=True)
        weights = torch.cat((on_past, on_self), dim=-1).softmax(-1)
        ring = past.key.shape[2]
        mixed = weights[..., :ring] @ past.value + weights[..., ring:] * new.value
        return cast(Tensor, self.output(mixed.reshape(x.shape[0], 1, -1))), new

    def append(
        self, x: Tensor, ring: KeyValue, place: Tensor, cos: Tensor, sin: Tensor, mask: Tensor
    ) -> Tensor:
        """Write one token (B, 1, width) to the ring, then attend to it; see :meth:`Transformer.append`."""
        config, batch = self.config, x.shape[0]
        last = config.heads + config.kv_heads
        heads = self.qkv(x).reshape(batch, last + config.kv_heads, config.head_dim)
        turned = rotate_spread(heads[:, :last], cos[:, None], sin[:, None])
        ring.key.scatter_(2, place, turned[:, config.heads :, None])
        ring.value.scatter_(2, place, heads[:, last:, None])
        # The heads that share keys stand where a sequence's queries would.
        query = turned[:, : config.heads].reshape(batch, config.kv_heads, self.groups, config.head_dim)
        mixed = F.scaled_dot_product_attention(query, ring.key, ring.value, attn_mask=mask[:, None, None])
        return cast(Tensor, self.output(mixed.reshape(batch, 1, -1)))


class TransformerLayer(nn.Module):
    """x + attention(norm(x)), then x + ffn(norm(x))."""

    def __init__(self, config: TransformerConfig, drop_path: float) -> None:
        super().__init__()
        self.attention_norm = nn.RMSNorm(config.width, eps=RMS_EPS)
        self.attention = Attention(config)
        self.ffn_norm = nn.RMSNorm(config.width, eps=RMS_EPS)
        self.ffn = SwiGLU(config.width, config.hidden, config.ffn_dropout)
        self.dropout = nn.Dropout(config.residual_dropout)
        self.drop_path = StochasticDepth(drop_path)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """Map whole sequences (B, T, width)."""
        x = x + self.drop_path(self.dropout(self.attention(self.attention_norm(x), cos, sin, mask)))
        return cast(Tensor, x + self.drop_path(self.ffn(self.ffn_norm(x))))

    def step(
        self, x: Tensor, past: KeyValue, cos: Tensor, sin: Tensor, mask: Tensor
    ) -> tuple[Tensor, KeyValue]:
        """Map one token (B, 1, width)."""
        mixed, new = self.attention.step(self.attention_norm(x), past, cos, sin, mask)
        x = x + mixed
        return cast(Tensor, x + self.ffn(self.ffn_norm(x))), new

    def append(
        self, x: Tensor, ring: KeyValue, place: Tensor, cos: Tensor, sin: Tensor, mask: Tensor
    ) -> Tensor:
        """Map one token (B, 1, width), writing the ring."""
        x = x + self.attention.append(self.attention_norm(x), ring, place, cos, sin, mask)
        return cast(Tensor, x + self.ffn(self.ffn_norm(x)))


class Transformer(nn.Module):
    """Layers and the final norm; tokens in, z̃ out."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        deepest = max(config.layers - 1, 1)
        self.layers = nn.ModuleList(
            TransformerLayer(config, config.stochastic_depth * depth / deepest)
            for depth in range(config.layers)
        )
        self.norm = nn.RMSNorm(config.width, eps=RMS_EPS)
        self._initialise()

    def _initialise(self) -> None:
        """N(0, 0.02); what ends a residual branch is divided by √(2·layers)."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                ends_branch = name.endswith(("output.weight", "w2.weight"))
                scale = math.sqrt(2 * self.config.layers) if ends_branch else 1.0
                nn.init.normal_(parameter, std=0.02 / scale)

    def forward(
        self, tokens: Tensor, first_position: int = 0, extension: Extension = "none", factor: float = 1.0
    ) -> Tensor:
        """Run whole sequences (B, T, width) → z̃ (B, T, width), teacher-forced."""
        length = tokens.shape[1]
        positions = torch.arange(first_position, first_position + length, device=tokens.device)
        cos, sin = rotary_angles(
            positions, self.config.head_dim, self.config.rope_theta, extension=extension, factor=factor
        )
        mask = window_mask(length, self.config.window, tokens.device)
        for layer in self.layers:
            tokens = layer(tokens, cos, sin, mask)
        return cast(Tensor, self.norm(tokens))

    def step(
        self, token: Tensor, past: list[KeyValue], cos: Tensor, sin: Tensor, mask: Tensor
    ) -> tuple[Tensor, list[KeyValue]]:
        """Run one token of each row.

        Args:
            token: (B, 1, width).
            past: Per layer the ring, (B, kv_heads, ring, head_dim) each; read only. Slot order is free.
            cos: (B or 1, head_dim/2) of this token's position.
            sin: Likewise.
            mask: (B or 1, ring): 0 where a slot holds a token of the window, ``MASKED`` elsewhere (so also at
                the slot that this token will take over: it holds the token ``window`` back).

        Returns:
            z̃ (B, 1, width), and per layer the new key and value (B, kv_heads, 1, head_dim).
        """
        news: list[KeyValue] = []
        for layer, ring in zip(self.layers, past, strict=True):
            token, new = cast(TransformerLayer, layer).step(token, ring, cos, sin, mask)
            news.append(new)
        return cast(Tensor, self.norm(token)), news

    def append(
        self, token: Tensor, rings: list[KeyValue], slot: Tensor, cos: Tensor, sin: Tensor, mask: Tensor
    ) -> Tensor:
        """Run one token of each row and write its keys and values, in few and large operations.

        Args:
            token: (B, 1, width).
            rings: Per layer, (B, kv_heads, ring, head_dim) each; changed in place.
            slot: int64 (B,): where the token's keys and values go.
            cos: (B, head_dim/2) of the token's position.
            sin: Likewise.
            mask: (B, ring): as of :meth:`step`, but 0 at ``slot``.

        Returns:
            z̃ (B, 1, width), as :meth:`step` does up to rounding.
        """
        place = slot.reshape(-1, 1, 1, 1).expand(-1, self.config.kv_heads, 1, self.config.head_dim)
        cos, sin = (angles.to(token.dtype) for angles in spread_angles(cos, sin))
        for layer, ring in zip(self.layers, rings, strict=True):
            token = cast(TransformerLayer, layer).append(token, ring, place, cos, sin, mask)
        return cast(Tensor, self.norm(token))

    def empty_cache(self, batch: int) -> list[KeyValue]:
        """Return zeroed rings of the streaming length."""
        config = self.config
        shape = (batch, config.kv_heads, config.cache_tokens, config.head_dim)
        weight = self.norm.weight
        return [KeyValue(weight.new_zeros(shape), weight.new_zeros(shape)) for _ in range(config.layers)]
