"""An hour without drift: the same five minutes of pictures twelve times over, and what becomes of the sound.

    python -m experiments.drift --data STORE --vae VAE --out DIR --generator RUN [--repeats 12] [--nfe 4]

The take consists of validation clips; between them the scene is cut, as a session is told it is. The memory
never starts over. Every five minutes are judged and saved as they are done, so an interrupted hour goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import torch
import typer
from torch import Tensor

from experiments.drift_measures import TakeFigures, judge_take, ratio_interval
from experiments.runner import network_folder, rollout_line, say, stage_of, with_times
from experiments.stores import features_for, grids_of
from experiments.turning import Turning, told_by
from experiments.workplace import Workplace
from sr_runtime.data.store import Clip, ClipStore
from sr_runtime.errors import DataError
from sr_runtime.evaluate.provenance import git_commit
from sr_runtime.evaluate.yamnet import Yamnet
from sr_runtime.model.checkpoint import load_facts, load_generator, load_panning, load_vae
from sr_runtime.model.generator import Generator
from sr_runtime.model.steering import Steering
from sr_runtime.model.vae import VAE, DecoderState
from sr_runtime.train.latents import network_key
from sr_runtime.train.rollout import Rollout, Sampling, video_tokens
from sr_runtime.types import HOP_HZ, Audio

TAKE_S = 300


class Drift(msgspec.Struct, frozen=True, kw_only=True):
    """What the hour was like.

    Attributes:
        real: Figures of the take's real sound.
        takes: Figures of each repetition, of each seed.
        kad: Of each repetition against the real take, all seeds together.
        ratio: KAD of the last over the first repetition; ``low`` and ``high`` bound 95 % of bootstrap draws.
        seeds: Of the rows.
        minutes: That were made.
        sampling: How latents were drawn.
        training: What is known of the network.
        network: First characters of the weights' sha256.
        steering: The same of the map that it was steered by; None: it was not.
        command: What makes it again.
        commit: Of the code.
    """

    real: dict[str, float]
    takes: list[list[dict[str, float]]]
    kad: list[float]
    ratio: dict[str, float]
    seeds: list[int]
    minutes: float
    sampling: dict[str, Any]
    training: dict[str, Any]
    network: str
    steering: str | None = None
    command: str
    commit: str


def command(
    data: Annotated[Path, typer.Option(help="Clip store with validation clips.")],
    vae: Annotated[Path, typer.Option(help="Network folder of the autoencoder.")],
    out: Annotated[Path, typer.Option(help="Folder of results.")],
    generator: Annotated[Path, typer.Option(help="Run or network folder to judge.")],
    repeats: Annotated[int, typer.Option(min=2, help="How often the take is shown.")] = 12,
    seeds: Annotated[int, typer.Option(min=1, help="Rows of the batch.")] = 5,
    seconds: Annotated[float, typer.Option(help="Length of the take.")] = TAKE_S,
    guidance: Annotated[float, typer.Option(help="Guidance scale.")] = 1.5,
    nfe: Annotated[int, typer.Option(min=1, max=4, help="Evaluations, of a network of stage 2.")] = 1,
    clips: Annotated[int, typer.Option(help="Validation clips of the small store.")] = 16,
    bf16: Annotated[bool, typer.Option("--bf16", help="Play in bf16: half the time.")] = False,
    steering: Annotated[
        Path | None, typer.Option(help="Run or network folder of the map that the bundle steers by.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads; all by default.")] = None,
) -> None:
    """Show the same take again and again to one endless session per seed."""
    if threads:
        torch.set_num_threads(threads)
    place = Workplace(data, network_folder(vae), out, hours=0, clips=clips)
    network, panning = network_folder(generator), network_folder(steering) if steering else None
    sampling = with_times(Sampling(guidance, autocast=bf16), stage_of(network), nfe)
    hour = Hour(place.main, place.vae, network, out, seeds, seconds, sampling, panning)
    for repeat in range(repeats):
        hour.play(repeat)
    text = f"--repeats {repeats} --seeds {seeds} --seconds {seconds:g} --guidance {guidance:g} --nfe {nfe}"
    text += " --bf16" if bf16 else ""
    text += " --steering STEERING" if steering else ""
    path = out / "drift.json"
    result = hour.result(
        repeats, f"python -m experiments.drift --data STORE --vae VAE --out DIR --generator RUN {text}"
    )
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
    say(f"see {path}")


class Hour:
    """The rows under way: network, pictures, state and what was measured so far."""

    def __init__(
        self,
        store: ClipStore,
        vae: Path,
        network: Path,
        out: Path,
        seeds: int,
        seconds: float,
        sampling: Sampling,
        panning: Path | None = None,
    ) -> None:
        self.network, self.seeds, self.sampling = network, list(range(seeds)), sampling
        self.steering = None if panning is None else network_key(panning)
        keys = "-".join(network_key(part)[:6] for part in (network, vae, panning) if part is not None)
        evaluations = len(sampling.consistency_times or sampling.heun_times or ())
        name = f"{keys}-{seeds}x{seconds:g}-{sampling.guidance:g}-{evaluations}"
        self.folder = out / "drift" / (name + "-bf16" * sampling.autocast)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.generator, self.vae = load_generator(network), load_vae(vae)
        self.clips, self.hops = take_clips(store, seconds)
        self.video = take_tokens(self.generator, store, self.clips)[: self.hops]
        self.turning = None if panning is None else self._turning(store, panning)
        self.yamnet = Yamnet(torch.get_num_threads())
        self.real = judge_take(self._real_sound(), self.yamnet)

    def play(self, repeat: int) -> None:
        """Show the take once more, unless that was done before."""
        if self._path(repeat).exists():
            return
        rollout, decoder = self._resumed(repeat)
        video = self.video.expand(len(self.seeds), -1, -1)
        latents = rollout.advance(video, _counting(repeat, self.hops))
        sound, decoder = decode_on(self.vae, latents, decoder)
        figures = [judge_take(row, self.yamnet) for row in sound]
        torch.save({"rollout": rollout.state(), "decoder": decoder}, self.folder / "state.partial")
        (self.folder / "state.partial").replace(self._state(repeat))
        np.savez(self._path(repeat), **{f"{k}{i}": v for i, f in enumerate(figures) for k, v in f.arrays()})
        self._state(repeat - 1).unlink(missing_ok=True)
        say(f"take {repeat}: {figures[0].summary()}")

    def result(self, repeats: int, text: str) -> Drift:
        """Return everything that was measured."""
        takes = [self._read(repeat) for repeat in range(repeats)]
        sets = [[figures.embeddings for figures in take] for take in takes]
        distances, ratio = ratio_interval(self.real.embeddings, sets)
        return Drift(
            real=self.real.summary(),
            takes=[[figures.summary() for figures in take] for take in takes],
            kad=distances,
            ratio=ratio,
            seeds=self.seeds,
            minutes=repeats * self.hops / HOP_HZ / 60,
            sampling=msgspec.to_builtins(self.sampling),
            training=load_facts(self.network),
            network=network_key(self.network),
            steering=self.steering,
            command=text,
            commit=git_commit(),
        )

    def _resumed(self, repeat: int) -> tuple[Rollout, DecoderState]:
        rollout = Rollout(self.generator, self.seeds, self.sampling, self.turning)
        decoder = self.vae.initial_decoder_state(len(self.seeds))
        if repeat:
            state = torch.load(self._state(repeat - 1), weights_only=True)
            rollout.load_state(state["rollout"])
            decoder = state["decoder"]
        return rollout, decoder

    def _turning(self, store: ClipStore, panning: Path) -> Turning:
        """Return what steers the rows; each time that the take is shown it is told the same."""
        steering = Steering(load_panning(panning), self.vae).eval()
        features = features_for(self.generator, store, self.clips)
        grids = torch.cat([grids_of(self.generator, features, clip) for clip in self.clips])
        return Turning(steering, told_by(steering, grids[: self.hops]).expand(len(self.seeds), -1))

    def _path(self, repeat: int) -> Path:
        return self.folder / f"take{repeat:02d}.npz"

    def _state(self, repeat: int) -> Path:
        return self.folder / f"state{repeat:02d}.pt"

    def _read(self, repeat: int) -> list[TakeFigures]:
        with np.load(self._path(repeat)) as arrays:
            return [TakeFigures.of(arrays, index) for index in self.seeds]

    def _real_sound(self) -> Audio:
        pcm = np.concatenate([clip.audio() for clip in self.clips])[: self.hops * 1600]
        return np.asarray(pcm.astype(np.float32) / 32768.0, np.float32)


def take_clips(store: ClipStore, seconds: float) -> tuple[list[Clip], int]:
    """Return validation clips that last ``seconds`` together, and how many hops of them are shown.

    Raises:
        DataError: There are too few.
    """
    hops, chosen, there = round(seconds * HOP_HZ), [], 0
    for clip in store.clips("validation"):
        if there < hops:
            chosen.append(clip)
            there += clip.hops
    if there < hops:
        raise DataError(f"the take wants {seconds:g} s of validation clips, got {there / HOP_HZ:.0f} s")
    return chosen, hops


def take_tokens(generator: Generator, store: ClipStore, clips: list[Clip]) -> Tensor:
    """Return the video tokens (T, width) of clips one after the other; a clip's first difference is 0."""
    cache, parts = features_for(generator, store, clips), []
    for clip in clips:
        grids = torch.from_numpy(np.array(cache.read(clip), np.float32))
        tokens = video_tokens(generator, grids[None])[0]
        with torch.no_grad():
            first = generator.grids(grids[:1])
            tokens[0] = generator.vision_token(first, torch.zeros_like(first))[0]
        parts.append(tokens)
    return torch.cat(parts)


def decode_on(vae: VAE, latents: Tensor, state: DecoderState) -> tuple[list[Audio], DecoderState]:
    """Decode latents (B, T, 64) after a state, in parts of 30 s."""
    parts = []
    with torch.no_grad():
        for part in latents.split(900, dim=1):
            wave, state = vae.decode_step(vae.denormalise(part.transpose(1, 2)), state)
            parts.append(wave.clamp(-1, 1).transpose(1, 2).numpy())
    sound: npt.NDArray[np.float32] = np.concatenate(parts, axis=1)
    return list(sound), state


def _counting(repeat: int, hops: int) -> Callable[[int], None]:
    line = rollout_line(f"take {repeat}")
    return lambda done: line(done - repeat * hops, hops)


if __name__ == "__main__":
    typer.run(command)
