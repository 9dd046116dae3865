"""Write sound-replacing PWADs: the same game with every sound a click, or with only one class of sounds.

Replaying a take's seed with such a file gives its exact ground truth, since sounds do not change the game.
Every replacement keeps the length of the sound it replaces.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sr_runtime.data.wad import Wad

CLICK_S: Final = 0.0015
SILENCE: Final = 128
LOOPED: Final = {"DSSTNMOV": 30.0}
"""The sound of moving floors repeats 4 times a second; with 30 s of silence, only its start clicks."""

_NAMES: Final[dict[str, str]] = {
    "weapon": "PISTOL SHOTGN SGCOCK DSHTGN DBOPN DBCLS DBLOAD PLASMA BFG RLAUNC PUNCH "
    "SAWUP SAWIDL SAWFUL SAWHIT",
    "impact": "RXPLOD FIRXPL BAREXP SLOP",
    "door": "DOROPN DORCLS BDOPN BDCLS PSTART PSTOP STNMOV SWTCHN SWTCHX TELEPT",
    "pickup": "ITEMUP WPNUP GETPOW ITMBK",
    "player": "PLPAIN PLDETH PDIEHI OOF NOWAY OUCH JUMP RADIO TINK",
}
STEMS: Final = (*_NAMES, "monster")
"""The classes of sounds; whatever is in no other class is a monster's."""
_CLASS_OF: Final = {f"DS{short}": stem for stem, names in _NAMES.items() for short in names.split()}


def stem_of(lump: str) -> str:
    """Return the class that a sound lump such as ``DSPISTOL`` belongs to."""
    return _CLASS_OF.get(lump, "monster")


def write_click_wad(game_data: Path, target: Path) -> None:
    """Write a PWAD in which every sound of ``game_data`` is one click of 1.5 ms."""
    _write(target, _replaced(game_data, _click))


def write_stem_wad(game_data: Path, target: Path, stem: str) -> None:
    """Write a PWAD in which every sound of ``game_data`` that is not of class ``stem`` is silent."""
    _write(target, _replaced(game_data, lambda name, body: None if stem_of(name) == stem else _silent(body)))


def _replaced(game_data: Path, change: Callable[[str, bytes], bytes | None]) -> dict[str, bytes]:
    wad = Wad(game_data)
    sounds = {lump.name: wad.read(lump) for lump in wad.lumps if lump.name.startswith("DS")}
    changed = {name: change(name, body) for name, body in sounds.items()}
    return {name: body for name, body in changed.items() if body is not None}


def _samples(body: bytes) -> tuple[int, int]:
    """Return rate and number of samples of a sound in Doom's format (format 3: 8-bit mono)."""
    _kind, rate, count = struct.unpack_from("<HHI", body)
    return rate, count


def _sound(rate: int, samples: bytes) -> bytes:
    return struct.pack("<HHI", 3, rate, len(samples)) + samples


def _silent(body: bytes) -> bytes:
    rate, count = _samples(body)
    return _sound(rate, bytes([SILENCE]) * count)


def _click(name: str, body: bytes) -> bytes:
    rate, count = _samples(body)
    if name in LOOPED:
        count = round(LOOPED[name] * rate)
    # The game skips 16 samples of padding at either end of a sound.
    pad, pulse = bytes([SILENCE]) * 16, bytes([255]) * max(1, round(rate * CLICK_S))
    rest = bytes([SILENCE]) * max(16, count - len(pad) - len(pulse))
    return _sound(rate, pad + pulse + rest)


def _write(target: Path, lumps: dict[str, bytes]) -> None:
    header = struct.calcsize("<4sii")
    directory, data = b"", b""
    for name, body in lumps.items():
        directory += struct.pack("<ii8s", header + len(data), len(body), name.encode("ascii"))
        data += body
    target.write_bytes(struct.pack("<4sii", b"PWAD", len(lumps), header + len(data)) + data + directory)
