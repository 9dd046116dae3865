"""Turn a game's tics into hops: which picture and which sound belong to hop k (the end-of-hop rule).

Doom runs 35 tics a second with exactly 1260 samples of 44.1 kHz sound each; the runtime runs 30 hops a second
with 1600 samples of 48 kHz. Hop k gets the picture at its end, (k+1)/30 s::

    tic     |  0  |  1  |  2  |  3  |  4  |  5  |  6  |      tic t sounds in [t/35, (t+1)/35)
    hop     |   0   |   1  |   2   |   3   |  4   |  5  |    and its picture already shows the cause
                    ↑ picture of the tic that is sounding when hop 0 ends: tic ceil(1·35/30) − 1 = 1

Taking the newest tic at a hop's *start* instead makes the sound lead its picture by a frame, which no causal
model can learn (best lag 0 at r 0.51 with this rule, measured).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import soxr

from sr_runtime.types import CHANNELS, HOP_HZ, HOP_SAMPLES, SAMPLE_RATE, Frame

TIC_HZ = 35
GAME_RATE = 44_100
TIC_SAMPLES = GAME_RATE // TIC_HZ


class Tic(NamedTuple):
    """A game tic: uint8 picture (h, w, 3), int16 sound (1260, 2) at 44.1 kHz, whether a cut precedes it."""

    frame: Frame
    sound: npt.NDArray[np.int16]
    is_cut: bool


class Hop(NamedTuple):
    """A hop: uint8 picture (h, w, 3), int16 sound (1600, 2) at 48 kHz, whether a cut precedes the picture."""

    frame: Frame
    sound: npt.NDArray[np.int16]
    is_cut: bool


def tic_of_hop(hop: int) -> int:
    """Return the tic whose picture is shown at the end of ``hop``: ceil((hop+1)·35/30) − 1."""
    return -(-(hop + 1) * TIC_HZ // HOP_HZ) - 1


def hop_of_tic(tic: int) -> int:
    """Return the first hop whose picture can show ``tic``: floor(tic·30/35)."""
    return tic * HOP_HZ // TIC_HZ


def tics_for_hops(hops: int) -> int:
    """Return how many tics have to be played so that ``hops`` hops have picture and sound."""
    return -(-hops * TIC_HZ // HOP_HZ)


class Resampler:
    """44.1 → 48 kHz in pieces, aligned in time: output sample n is the input's sound at n/48000 s.

    Works in float and rounds, so that silence stays exactly 0 (soxr dithers integer output).
    """

    def __init__(self, rate: int = GAME_RATE) -> None:
        self._stream = soxr.ResampleStream(rate, SAMPLE_RATE, CHANNELS, dtype="float32", quality="HQ")

    def push(self, sound: npt.NDArray[np.int16], last: bool = False) -> npt.NDArray[np.int16]:
        """Return the samples that are ready, int16 (n, 2); n lags by the filter's length."""
        out: npt.NDArray[np.float32] = self._stream.resample_chunk(sound.astype(np.float32), last=last)
        return np.clip(np.rint(out), -32768, 32767).astype(np.int16)


def hops_of_tics(tics: Iterable[Tic]) -> Iterator[Hop]:
    """Yield the hops of a run of tics; a hop comes as soon as the resampler has all its samples.

    Args:
        tics: the game, tic by tic; its length need not be a whole number of hops, the rest is dropped.

    Yields:
        Hops in order, each with a picture of the tics' size.
    """
    frames: dict[int, tuple[Frame, bool]] = {}
    resampler, pcm, hop, cut = Resampler(), np.empty((0, CHANNELS), np.int16), 0, False
    chosen = 0
    for number, tic in enumerate(tics):
        cut = cut or tic.is_cut
        if number == tic_of_hop(chosen):
            frames[chosen], cut = (tic.frame, cut), False
            chosen += 1
        pcm = np.concatenate([pcm, resampler.push(tic.sound)])
        while len(pcm) >= HOP_SAMPLES and hop in frames:
            yield Hop(frames[hop][0], pcm[:HOP_SAMPLES], frames.pop(hop)[1])
            pcm, hop = pcm[HOP_SAMPLES:], hop + 1
    pcm = np.concatenate([pcm, resampler.push(np.empty((0, CHANNELS), np.int16), last=True)])
    while len(pcm) >= HOP_SAMPLES and hop in frames:
        yield Hop(frames[hop][0], pcm[:HOP_SAMPLES], frames.pop(hop)[1])
        pcm, hop = pcm[HOP_SAMPLES:], hop + 1
