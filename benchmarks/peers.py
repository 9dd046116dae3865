"""Ours beside two other ways to sound, on the same machine in one run: an offline and a frame-wise model.

    python -m benchmarks.peers --out out [--page docs/performance.md]

All three run in onnxruntime, int8 by this project's quantiser, as many threads, random weights. The peers are
built from their published shapes, and only the part that makes up most of their time:

* MMAudio, small, 16 kHz (arXiv 2412.15322; `networks.py` of its repository): the flow network over 8 s of
  video, 25 Euler steps with guidance, so 50 evaluations. Left out: CLIP and Synchformer features of 8 s of
  pictures, the text encoder, VAE decoder and vocoder. Convolutions stay fp32, as ours do.
* Magenta RealTime 2, small (`config.py` of its repository): per frame of 40 ms one step of the temporal
  decoder and 12 of the depth decoder. Left out: encoder, style embedding, the codec's decoder, sampling. It
  sees no pictures; it stands for frame-wise models of discrete codes.

What is left out flatters the peers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import onnx
import onnxruntime
import torch
import typer
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.pages import bundle_of, caption, save, summary, table, write_page
from sr_runtime.bench.hops import measure_hops
from sr_runtime.engine.session import Engine
from sr_runtime.export.compress import quantised
from sr_runtime.export.graph import OPSET, without_traces
from sr_runtime.types import HOP_HZ

CLIP_S: Final = 8.0
STEPS: Final = 25
LATENTS, CLIP_TOKENS, TEXT_TOKENS = 250, 64, 77
FRAME_S: Final = 0.04
LEVELS: Final = 12
PAST: Final = 41


def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Return attention of (B, heads, T, d) as (B, T, heads · d)."""
    weights = (query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5).softmax(-1)
    return (weights @ value).transpose(1, 2).flatten(2)


class AlongTime(nn.Module):
    """A convolution over (B, T, channels); a linear map for a kernel of 1."""

    def __init__(self, inputs: int, outputs: int, kernel: int, bias: bool = True) -> None:
        super().__init__()
        self.layer: nn.Module = (
            nn.Linear(inputs, outputs, bias=bias)
            if kernel == 1
            else nn.Conv1d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, T, inputs)."""
        if isinstance(self.layer, nn.Linear):
            return self.layer(x)  # type: ignore[no-any-return]
        return self.layer(x.transpose(1, 2)).transpose(1, 2)  # type: ignore[no-any-return]


class FlowBlock(nn.Module):
    """MMAudio's block for one kind of token: modulated attention and gated feed-forward."""

    def __init__(self, width: int, heads: int, kernel: int, hidden: int = 1280) -> None:
        super().__init__()
        self.heads = heads
        self.modulation = nn.Linear(width, 6 * width)
        self.qkv, self.out = nn.Linear(width, 3 * width), AlongTime(width, width, kernel)
        self.gate = AlongTime(width, hidden, kernel, bias=False)
        self.up = AlongTime(width, hidden, kernel, bias=False)
        self.down = AlongTime(hidden, width, kernel, bias=False)

    def before(self, x: Tensor, condition: Tensor) -> tuple[tuple[Tensor, Tensor, Tensor], list[Tensor]]:
        """Return query, key, value (B, heads, T, d), and the modulations."""
        parts = list(self.modulation(F.silu(condition)).chunk(6, dim=-1))
        h = F.layer_norm(x, x.shape[-1:]) * (1 + parts[1]) + parts[0]
        qkv = self.qkv(h).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return (qkv[0], qkv[1], qkv[2]), parts

    def after(self, x: Tensor, mixed: Tensor, parts: list[Tensor]) -> Tensor:
        """Return the tokens after attention and feed-forward."""
        x = x + self.out(mixed) * parts[2]
        h = F.layer_norm(x, x.shape[-1:]) * (1 + parts[4]) + parts[3]
        return x + self.down(F.silu(self.gate(h)) * self.up(h)) * parts[5]


class FlowNetwork(nn.Module):
    """MMAudio-small's flow network with its conditions projected: 4 joint blocks and 8 of sound alone."""

    def __init__(self, width: int = 448, heads: int = 7, joint: int = 4, alone: int = 8) -> None:
        super().__init__()
        self.latent_in = AlongTime(20, width, 7)
        shapes = ((448, 1280), (448, 1280), (1280, 448))
        self.first = nn.ModuleList(AlongTime(*shape, 7, bias=False) for shape in shapes)
        kinds = (3, 3, 1)
        self.joint = nn.ModuleList(
            nn.ModuleList(FlowBlock(width, heads, kernel) for kernel in kinds) for _ in range(joint)
        )
        self.alone = nn.ModuleList(FlowBlock(width, heads, 3) for _ in range(alone))
        self.last = AlongTime(width, 20, 7)

    def forward(self, latent: Tensor, pictures: Tensor, text: Tensor, extended: Tensor) -> Tensor:
        """Return the flow of (B, 250, 20), given projected conditions."""
        gate, up, down = self.first
        x = F.silu(self.latent_in(latent))
        x = down(F.silu(gate(x)) * up(x))
        whole = extended.mean(1, keepdim=True)
        for blocks in self.joint:
            streams, conditions = [x, pictures, text], (extended, whole, whole)
            made = [b.before(s, c) for b, s, c in zip(blocks, streams, conditions, strict=True)]
            query, key, value = (torch.cat([qkv[part] for qkv, _ in made], dim=2) for part in range(3))
            mixed = attend(query, key, value).split([s.shape[1] for s in streams], dim=1)
            x, pictures, text = (
                b.after(s, m, parts) for b, s, m, (_, parts) in zip(blocks, streams, mixed, made, strict=True)
            )
        for block in self.alone:
            qkv, parts = block.before(x, extended)
            x = block.after(x, attend(*qkv), parts)
        return self.last(x)  # type: ignore[no-any-return]

    def examples(self) -> tuple[Tensor, ...]:
        """Return inputs of both rows of guidance."""
        width = 448
        shapes = ((LATENTS, 20), (CLIP_TOKENS, width), (TEXT_TOKENS, width), (LATENTS, width))
        return tuple(torch.randn(2, *shape) for shape in shapes)


class StepLayer(nn.Module):
    """One token through a layer: attention to a cache that it is given, cross-attention, feed-forward."""

    def __init__(self, width: int, hidden: int, heads: int, size: int, crosses: bool) -> None:
        super().__init__()
        self.heads, self.size, self.crosses = heads, size, crosses
        self.qkv, self.out = nn.Linear(width, 3 * heads * size), nn.Linear(heads * size, width)
        if crosses:
            self.cross_query, self.cross_out = nn.Linear(width, heads * size), nn.Linear(heads * size, width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, x: Tensor, cache: Tensor, seen: Tensor) -> Tensor:
        """Map (1, 1, width); ``cache`` and ``seen`` are keys and values (2, 1, heads, past, size)."""
        qkv = self.qkv(F.layer_norm(x, x.shape[-1:])).unflatten(-1, (3, self.heads, self.size))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        x = x + self.out(attend(query, torch.cat((cache[0], key), 2), torch.cat((cache[1], value), 2)))
        if self.crosses:
            query = self.cross_query(F.layer_norm(x, x.shape[-1:])).unflatten(-1, (self.heads, self.size))
            x = x + self.cross_out(attend(query.transpose(1, 2), seen[0], seen[1]))
        return x + self.down(F.gelu(self.up(F.layer_norm(x, x.shape[-1:]))))  # type: ignore[no-any-return]


class CodeDecoder(nn.Module):
    """A step of either of Magenta RealTime 2's decoders."""

    def __init__(
        self, layers: int, width: int, hidden: int, heads: int, past: int, crosses: bool, outputs: int
    ) -> None:
        super().__init__()
        self.shape = (layers, heads, past, 128)
        self.width = width
        self.layers = nn.ModuleList(StepLayer(width, hidden, heads, 128, crosses) for _ in range(layers))
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor, caches: Tensor, seen: Tensor) -> Tensor:
        """Map (1, 1, width) with caches (layers, 2, 1, heads, past, size)."""
        for index, layer in enumerate(self.layers):
            x = layer(x, caches[index], seen[index])
        return self.head(x)  # type: ignore[no-any-return]

    def examples(self) -> tuple[Tensor, ...]:
        """Return inputs."""
        layers, heads, past, size = self.shape
        caches = torch.randn(layers, 2, 1, heads, past, size)
        return torch.randn(1, 1, self.width), caches, caches


def opened(network: Any, threads: int) -> Callable[[], None]:
    """Return a function that runs a network in onnxruntime as this project runs its own."""
    network.eval().requires_grad_(False)
    program = torch.onnx.export(network, network.examples(), opset_version=OPSET, dynamo=True, verbose=False)
    assert program is not None
    model = without_traces(program.model_proto)
    onnx.checker.check_model(quantised(model))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    feeds = {name: value.numpy() for name, value in zip(names, network.examples(), strict=False)}
    return lambda: session.run(None, feeds) and None


def timed(run: Callable[[], None], times: int, every_s: float = 0.0) -> list[float]:
    """Return how many ms each of several runs took, one every so often."""
    run()
    found, due = [], time.perf_counter()
    for _ in range(times):
        due += every_s
        time.sleep(max(0.0, due - time.perf_counter()))
        start = time.perf_counter()
        run()
        found.append(1e3 * (time.perf_counter() - start))
    return found


def millions(*networks: nn.Module) -> float:
    """Return how many million weights there are."""
    return sum(p.numel() for network in networks for p in network.parameters()) / 1e6


def offline(threads: int) -> dict[str, Any]:
    """Measure the flow network."""
    network = FlowNetwork()
    step = timed(opened(network, threads), 3)
    total_s = STEPS * float(np.median(step)) / 1e3
    return {
        "model": f"MMAudio-small, flow network only ({millions(network):.0f} M)",
        "unit": f"{CLIP_S:g} s in one go, {STEPS} steps with guidance ({len(step)} timed)",
        "ms": {"p50": total_s * 1e3, "p99": None},
        "look_ahead_ms": CLIP_S * 1e3,
        "first_sound_ms": (CLIP_S + total_s) * 1e3,
        "real_time": CLIP_S / total_s,
    }


def framewise(threads: int) -> dict[str, Any]:
    """Measure a frame of codes: one temporal step, then twelve of depth."""
    temporal = CodeDecoder(12, 1024, 4096, 8, PAST, crosses=True, outputs=768)
    depth = CodeDecoder(2, 768, 3072, 6, LEVELS, crosses=False, outputs=1030)
    first, second = opened(temporal, threads), opened(depth, threads)

    def frame() -> None:
        first()
        for _ in range(LEVELS):
            second()

    times = timed(frame, 150, FRAME_S)
    p50 = float(np.median(times))
    return {
        "model": f"Magenta RealTime 2 small, decoders only ({millions(temporal, depth):.0f} M), no pictures",
        "unit": "a frame of 40 ms, paced",
        "ms": summary(times),
        "look_ahead_ms": 0.0,
        "first_sound_ms": FRAME_S * 1e3 + p50,
        "real_time": FRAME_S * 1e3 / p50,
    }


def ours(bundle: str, threads: int) -> dict[str, Any]:
    """Measure whole hops of a bundle."""
    engine = Engine(bundle_of(bundle), threads=threads)
    figures = measure_hops(engine, 6.0).figures()["hop_ms"]
    return {
        "model": f"ours: {bundle}, everything ({engine.bundle.manifest.parameters / 1e6:.0f} M)",
        "unit": "a hop of 33 ms, paced",
        "ms": figures,
        "look_ahead_ms": 0.0,
        "first_sound_ms": 1e3 / HOP_HZ + figures["p50"],
        "real_time": 1e3 / HOP_HZ / figures["p50"],
    }


def command(
    out: Annotated[Path, typer.Option(help="Folder for peers.json.")],
    threads: Annotated[int, typer.Option(help="Of each model.")] = 1,
    page: Annotated[Path | None, typer.Option(help="Put the table between its markers of this page.")] = None,
) -> None:
    """Measure all three, one after the other."""
    torch.manual_seed(0)
    torch.set_num_threads(threads)
    rows = [ours("default", threads), ours("compact", threads), framewise(threads), offline(threads)]
    facts = save(out, "peers", {"rows": rows, "threads": threads})
    write_page(page, "peers", markdown(facts))


def markdown(facts: dict[str, Any]) -> str:
    """Return the table of docs/performance.md."""
    lines = []
    for row in facts["rows"]:
        ms, waits = row["ms"], (round(row["look_ahead_ms"]), round(row["first_sound_ms"]))
        lines.append([row["model"], row["unit"], ms["p50"], ms["p99"] or "–", *waits, row["real_time"]])
    columns = ["model", "what was timed", "p50, ms", "p99", "look-ahead, ms", "first sound after, ms"]
    text = f"int8, {facts['threads']} thread(s), random weights but for `default`."
    return f"{caption(facts, text)}\n\n{table([*columns, '× real time'], lines)}"


if __name__ == "__main__":
    typer.run(command)
