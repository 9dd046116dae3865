"""Cut short, eventful pieces out of the example clips, with their pictures, for a page that plays them.

A browser gets everything inside the page: sounds as FLAC, unaltered but for 16 bits, and the pictures of a
piece as one sheet of tiles, which needs no video codec. Called by the pages.
"""

from __future__ import annotations

import base64
import io
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
import simplejpeg
import soundfile

from sr_runtime.data.store import Clip
from sr_runtime.evaluate.evaluation import Example
from sr_runtime.picture import stretch
from sr_runtime.types import HOP_HZ, HOP_SAMPLES, SAMPLE_RATE, Audio

SECONDS: Final = 8.0
"""Long enough for a few sounds, short enough to keep two takes of it in mind."""

_PIECES: Final = 3
_STEP_S: Final = 0.5
_TILE: Final = 144
_COLUMNS: Final = 16
_QUALITY: Final = 70


class Sheet(msgspec.Struct, frozen=True):
    """The pictures of a piece as tiles of one JPEG, row by row.

    Attributes:
        uri: The JPEG as a data URI.
        tile: Width and height of a tile.
        columns: Tiles in a row.
        count: Tiles; number k is shown from (k + 1)/30 s on.
    """

    uri: str
    tile: int
    columns: int
    count: int


@dataclass(frozen=True)
class Excerpt:
    """A piece of an example clip.

    Attributes:
        example: Which.
        start_s: Where it begins; a whole number of hops.
        hops: How long it is.
    """

    example: Example
    start_s: float
    hops: int

    def sound(self, system: str) -> str:
        """Return a system's sound of the piece, FLAC as a data URI."""
        start = round(self.start_s * SAMPLE_RATE)
        return flac_uri(self.example.sounds[system][start : start + self.hops * HOP_SAMPLES])

    def sheet(self) -> Sheet:
        """Return its pictures."""
        first = round(self.start_s * HOP_HZ)
        return _sheet(self.example.clip.clip, first, self.hops)


def cut(example: Example) -> list[Excerpt]:
    """Return up to three pieces of a clip that do not overlap, the loudest of each third.

    A piece is 8 s long, or as long as the clip if that is shorter.
    """
    true = example.clip.true_audio
    hops = len(true) // HOP_SAMPLES
    length = min(hops, round(SECONDS * HOP_HZ))
    count = max(1, min(_PIECES, hops // length))
    edges = np.arange(count + 1) * hops // count
    starts = [_loudest(true, int(low), int(high), length) for low, high in itertools.pairwise(edges)]
    return [Excerpt(example, start / HOP_HZ, length) for start in starts]


def data_uri(content: bytes, media_type: str) -> str:
    """Return bytes as a URI that a page can hold."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


def flac_uri(audio: Audio) -> str:
    """Return a sound as FLAC of 16 bits, float32 (samples, 2), 48 kHz, in a data URI."""
    file = io.BytesIO()
    soundfile.write(file, audio, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return data_uri(file.getvalue(), "audio/flac")


def _loudest(audio: Audio, low: int, high: int, length: int) -> int:
    """Return the hop between ``low`` and ``high`` from which ``length`` hops have most energy."""
    energy = (audio[low * HOP_SAMPLES : high * HOP_SAMPLES].astype(np.float64) ** 2).sum(axis=1)
    running = np.concatenate([[0.0], np.cumsum(energy)])
    starts = np.arange(0, high - low - length + 1, max(1, round(_STEP_S * HOP_HZ)))
    sums = running[(starts + length) * HOP_SAMPLES] - running[starts * HOP_SAMPLES]
    return low + int(starts[sums.argmax()])


def _sheet(clip: Clip, first: int, hops: int) -> Sheet:
    rows = -(-hops // _COLUMNS)
    sheet = np.zeros((rows * _TILE, _COLUMNS * _TILE, 3), np.uint8)
    for index, tile in enumerate(_tiles(clip, first, hops)):
        top, left = index // _COLUMNS * _TILE, index % _COLUMNS * _TILE
        sheet[top : top + _TILE, left : left + _TILE] = tile
    jpeg = simplejpeg.encode_jpeg(sheet, _QUALITY, "RGB", "420")
    return Sheet(data_uri(jpeg, "image/jpeg"), _TILE, _COLUMNS, hops)


def _tiles(clip: Clip, first: int, hops: int) -> Iterator[np.ndarray]:
    for index in range(first, first + hops):
        yield stretch(clip.frame(index), _TILE, _TILE)


def all_excerpts(examples: Sequence[Example]) -> list[Excerpt]:
    """Return the pieces of every example: the first of each, then the second of each, and so on."""
    pieces = [cut(example) for example in examples]
    most = max((len(of_one) for of_one in pieces), default=0)
    return [of_one[turn] for turn in range(most) for of_one in pieces if turn < len(of_one)]
