"""The autoencoder's questions: what does causality cost its decoder, and does more sound make it better?

    python -m experiments.codec --data STORE --vae VAE --out DIR

The given encoder's latents are decoded by the best linear map (ridge regression, closed form) from a few
hops at once: hops of the past, which are free, or hops of the future, which cost 33 ms each. Rows with as
many hops have as many weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import torch
import typer
from torch import Tensor

from experiments.listening import Panel
from experiments.runner import network_folder, say
from experiments.stores import spread
from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.errors import SoundReactorError
from sr_runtime.evaluate.clips import EvaluationClip
from sr_runtime.evaluate.distribution import kad
from sr_runtime.evaluate.provenance import git_commit
from sr_runtime.evaluate.scores import Ears, Take, listen, soundnet_set
from sr_runtime.evaluate.soundnet import SoundNet
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.model.checkpoint import load_vae
from sr_runtime.model.vae_compact import CompactVAE, overlap_add
from sr_runtime.train.vae import reconstruction_metrics
from sr_runtime.train.vae_compact import (
    DECODER_RIDGE,
    Moments,
    fit,
    moments,
    regression,
    wanted_levels,
)
from sr_runtime.types import Audio

PAST, FUTURE = 4, 2
"""Hops of context that the moments are summed for."""

Decode = Callable[[EvaluationClip], Tensor]
"""Makes sound (1, 2, 1600·T) of a clip."""


@dataclass(frozen=True)
class Context:
    """Which hops a decoder looks at, counted from its own.

    Attributes:
        past: Hops before.
        future: Hops after: look-ahead.
    """

    past: int
    future: int

    @property
    def hops(self) -> int:
        """All of them, its own included."""
        return self.past + 1 + self.future


DECODERS = (
    ("causal-1", "its own hop: causal", Context(0, 0)),
    ("causal-3", "3 hops, causal", Context(2, 0)),
    ("noncausal-3", "3 hops, one of them ahead (33 ms)", Context(1, 1)),
    ("causal-5", "5 hops, causal", Context(4, 0)),
    ("noncausal-5", "5 hops, two of them ahead (67 ms)", Context(2, 2)),
)
"""Name, label and context of every decoder that is fitted to the given encoder's latents."""


class CodecRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row's figures.

    Attributes:
        row: Its name.
        label: As the table calls it.
        figures: Metric → value.
        weights: Of its decoder.
        hours: Of sound that it was fitted to; 0 for rows that are given or not fitted.
    """

    row: str
    label: str
    figures: dict[str, float]
    weights: int
    hours: float


class Codec(msgspec.Struct, frozen=True, kw_only=True):
    """The table.

    Attributes:
        rows: In order.
        clips: How many were decoded.
        onset_chance: Chance of the onset F1.
        onset_ceiling: What the real sound reaches.
        command: What makes it again.
        commit: Of the code.
    """

    rows: list[CodecRow]
    clips: int
    onset_chance: float
    onset_ceiling: float
    command: str
    commit: str


def command(
    data: Annotated[Path, typer.Option(help="Clip store.")],
    vae: Annotated[Path, typer.Option(help="Network folder of a compact autoencoder.")],
    out: Annotated[Path, typer.Option(help="Folder of results.")],
    hours: Annotated[float, typer.Option(help="Hours of training sound that decoders are fitted to.")] = 2.0,
    fits: Annotated[list[float] | None, typer.Option(help="Hours to fit whole autoencoders to.")] = None,
    clips: Annotated[int, typer.Option(min=2, help="Validation clips.")] = 16,
    threads: Annotated[int | None, typer.Option(help="CPU threads; all by default.")] = None,
) -> None:
    """Fit every decoder, decode the validation clips, and write DIR/codec.json."""
    if threads:
        torch.set_num_threads(threads)
    try:
        table = measure(data, network_folder(vae), hours, fits or [0.25, 1.0, 4.0], clips)
    except SoundReactorError as error:
        say(f"error: {error}")
        raise typer.Exit(1) from None
    out.mkdir(parents=True, exist_ok=True)
    (out / "codec.json").write_bytes(msgspec.json.format(msgspec.json.encode(table), indent=1) + b"\n")


def measure(data: Path, vae: Path, hours: float, fits: Sequence[float], clips: int) -> Codec:
    """Return the table's figures."""
    store, given = ClipStore(data), load_compact(vae)
    panel = Panel.of(store, clips, tuning=False, yamnet=Yamnet(torch.get_num_threads()))
    judge = Judge(panel)
    weights = decoder_size(given)
    smooth = steady(given)
    rows = [
        judge.row("given", "the given network", in_full(given), weights, 0.0),
        judge.row("steady", "the same, levels do not stray", in_full(smooth), decoder_size(smooth), 0.0),
    ]
    wide, size = Context(PAST, FUTURE), given.config.latent
    with torch.no_grad():
        clips_heard = spread(store.clips("train"), hours)
        sums = moments(
            clips_heard,
            lambda wave: in_hops(encoded(given, wave), wide)[None],
            lambda wave: wanted_levels(given, wave),
        )
    for name, label, context in DECODERS:
        slopes, constant = regression(columns(sums, context, size), DECODER_RIDGE)
        decode = in_context(given, slopes, constant, context)
        size_of_all = weights - sum(part.numel() for part in given.decoder.line.parameters())
        size_of_all += slopes.numel() + constant.numel()
        rows.append(judge.row(name, label, decode, size_of_all, hours))
    for length in fits:
        fitted = fit_on(given, spread(store.clips("train"), length))
        label = f"encoder and decoder fitted to {length:g} h"
        rows.append(judge.row(f"fit-{length:g}", label, in_full(fitted), weights, length))
    rows.append(judge.row("levels", "true levels, no code: the bands' ceiling", true_levels(given), 0, 0.0))
    real = panel.judge(panel.real)
    return Codec(
        rows=rows,
        clips=len(panel.clips),
        onset_chance=real["onset_chance"],
        onset_ceiling=real["onset_f1"],
        command=f"python -m experiments.codec --data STORE --vae VAE --out DIR --hours {hours:g} "
        + " ".join(f"--fits {length:g}" for length in fits)
        + f" --clips {clips}",
        commit=git_commit(),
    )


class Judge:
    """Hears what a decoder makes as the networks and the spectral errors do."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.ears = Ears(panel.ears.yamnet, SoundNet())
        self.real = [listen(clip.true_audio, clip, self.ears) for clip in panel.clips]

    def row(self, name: str, label: str, decode: Decode, weights: int, hours: float) -> CodecRow:
        """Decode all clips and return a row."""
        takes: list[Take] = []
        errors: list[dict[str, float]] = []
        for clip in self.panel.clips:
            with torch.no_grad():
                made = decode(clip).clamp(-1, 1)
            errors.append(reconstruction_metrics(made, wave_of(clip)[..., : made.shape[-1]]))
            takes.append(listen(sound_of(made, clip), clip, self.ears))
        figures = self.panel.judge(takes)
        figures |= {key: float(np.mean([each[key] for each in errors])) for key in errors[0]}
        figures["kad_soundnet"] = kad(soundnet_set(self.real), soundnet_set(takes))
        say(f"{name}: " + ", ".join(f"{key} {figures[key]:.3f}" for key in ("band_level", "kl_dense")))
        return CodecRow(row=name, label=label, figures=figures, weights=weights, hours=hours)


def decoder_size(vae: CompactVAE) -> int:
    """Return the number of a decoder's weights."""
    return sum(part.numel() for part in vae.decoder.parameters())


def encoded(vae: CompactVAE, wave: Tensor) -> Tensor:
    """Return the posterior means (T, 64) of sound (1, 2, 1600·T)."""
    return vae.encode(wave)[0][0].T


def in_hops(latents: Tensor, context: Context) -> Tensor:
    """Return latents (T, 64) side by side with their neighbours, (T, hops·64), the earliest first.

    Beyond the ends of a clip its first and last latents are repeated.
    """
    hops = torch.arange(len(latents))[:, None] + torch.arange(-context.past, context.future + 1)
    return latents[hops.clamp(0, len(latents) - 1)].flatten(1)


def columns(sums: Moments, context: Context, size: int) -> Moments:
    """Return the sums of a context out of those of the widest."""
    first = (PAST - context.past) * size
    part = slice(first, first + context.hops * size)
    return Moments(
        sums.count, sums.heard[part], sums.asked, sums.heard_heard[part, part], sums.heard_asked[part]
    )


def in_context(vae: CompactVAE, slopes: Tensor, constant: Tensor, context: Context) -> Decode:
    """Return a linear decoder of latents in context."""

    def decode(clip: EvaluationClip) -> Tensor:
        latents = encoded(vae, wave_of(clip))
        levels = in_hops(latents, context).double() @ slopes + constant
        seen, _ = vae.decoder.in_context(latents.T[None], vae.decoder.initial_state(1))
        return noise_of(vae, levels.float()[None], vae.decoder.deviation_of(seen))

    return decode


def steady(vae: CompactVAE) -> CompactVAE:
    """Return an autoencoder without what its decoder lets levels stray by."""
    compact = dataclasses.replace(vae.config.compact, deviates=False)
    kept = CompactVAE(dataclasses.replace(vae.config, compact=compact))
    kept.load_state_dict(vae.state_dict(), strict=False)
    return kept.eval()


def in_full(vae: CompactVAE) -> Decode:
    """Return a network's own decoding of its own latents."""
    return lambda clip: decoded(vae, clip)


def decoded(vae: CompactVAE, clip: EvaluationClip) -> Tensor:
    """Return a clip's sound through a network."""
    return vae.decode(vae.encode(wave_of(clip))[0])


def true_levels(vae: CompactVAE) -> Decode:
    """Return noise at exactly the levels of the sound."""
    return lambda clip: noise_of(vae, wanted_levels(vae, wave_of(clip)))


def noise_of(vae: CompactVAE, levels: Tensor, deviation: Tensor | None = None) -> Tensor:
    """Return shaped noise (1, 2, 1600·T).

    Args:
        vae: Of whose decoder.
        levels: (1, T, windows·3·bands), natural logs.
        deviation: How far they stray, (1, T·windows, bands), natural logs.
    """
    decoder, state = vae.decoder, vae.initial_decoder_state(1)
    windows = levels.reshape(1, levels.shape[1] * decoder.steps, -1)
    return overlap_add(decoder.noise(windows, state["noise_position"], deviation), state["overlap"])[0]


def fit_on(vae: CompactVAE, clips: Sequence[Clip]) -> CompactVAE:
    """Return an autoencoder of the same form, fitted to some clips."""
    fitted = CompactVAE(vae.config)
    fit(fitted, clips)
    return fitted.eval()


def load_compact(vae: Path) -> CompactVAE:
    """Return the autoencoder of a network folder.

    Raises:
        SoundReactorError: It is of another kind.
    """
    loaded = load_vae(vae)
    if not isinstance(loaded, CompactVAE):
        raise SoundReactorError(
            f"{vae}: expected an autoencoder of kind compact, got {type(loaded).__name__}"
        )
    return loaded.eval()


def wave_of(clip: EvaluationClip) -> Tensor:
    """Return a clip's real sound, float32 (1, 2, 1600·T)."""
    return torch.from_numpy(np.ascontiguousarray(clip.true_audio.T))[None]


def sound_of(wave: Tensor, clip: EvaluationClip) -> Audio:
    """Return sound (1, 2, S) as float32 (hops × 1600, 2) of the clip's length, silent where it is shorter."""
    sound = np.zeros_like(clip.true_audio)
    sound[: wave.shape[-1]] = wave[0].T.numpy()
    return sound


if __name__ == "__main__":
    typer.run(command)
