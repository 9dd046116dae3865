"""Run captured sessions again and compare the sound, sample by sample.

Called by ``sr-runtime replay``. Captures come from other people's bug reports, so they are read with the
same distrust as what comes over the socket. Thread: any.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from sr_bridge.errors import ProtocolError
from sr_bridge.media import MAX_FRAME_BYTES, parse_frame
from sr_bridge.messages import LOCKSTEP, Control, decode

from sr_runtime.engine import Engine
from sr_runtime.engine.bundle import shipped_bundles
from sr_runtime.errors import DataError
from sr_runtime.server.capture import (
    CONTROL,
    NEW_FRAME,
    OPERATIONS_FILE,
    RECORD,
    REPEATED_FRAME,
    SESSION_FILE,
    SOUND_FILE,
)
from sr_runtime.server.stream import SoundStream
from sr_runtime.types import HOP_SAMPLES, Audio


@dataclass(frozen=True)
class Replay:
    """What came of running one session again.

    Attributes:
        folder: The captured session.
        hops: Hops computed.
        differing_hops: Hops whose sound is not the same, bit for bit.
        first_difference: The first of them; None if all are the same.
        largest_difference: Of any sample, −1..1 scale.
        is_same_bundle: Whether the bundle is the one of the capture.
    """

    folder: Path
    hops: int
    differing_hops: int
    first_difference: int | None
    largest_difference: float
    is_same_bundle: bool


def captured_sessions(folder: Path) -> list[Path]:
    """Return the sessions of a capture folder (or the one session that ``folder`` is), oldest first.

    Raises:
        DataError: There is none.
    """
    found = sorted(path.parent for path in [*folder.glob(SESSION_FILE), *folder.glob(f"*/{SESSION_FILE}")])
    if not found:
        raise DataError(f"{folder}: no captured session; make one with: sr-runtime serve --capture {folder}")
    return found


def read_description(folder: Path) -> dict[str, Any]:
    """Return ``session.json``.

    Raises:
        DataError: It is missing or damaged.
    """
    try:
        description = json.loads((folder / SESSION_FILE).read_text(encoding="utf-8"))
        description["hello"]["seed"], description["bundle"], description["bundle_sha256"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / SESSION_FILE}: cannot be read: {error!r}") from None
    return dict(description)


def captured_bundle(folder: Path) -> str:
    """Return what to load for a captured session: the shipped bundle of its name, else the folder it had."""
    description = read_description(folder)
    name = str(description["bundle"])
    return name if name in shipped_bundles() else str(description.get("bundle_path", name))


def replay(folder: Path, engine: Engine) -> Replay:
    """Run one captured session again.

    Args:
        folder: Of the session.
        engine: With the bundle to run it with.

    Raises:
        DataError: The capture is damaged.
    """
    description = read_description(folder)
    hello = description["hello"]
    stream = SoundStream(engine.open_session(seed=int(hello["seed"])))
    is_live = hello["mode"] != LOCKSTEP
    differences = [
        float(np.abs(ours - theirs).max(initial=0.0))
        for ours, theirs in zip(_sound_again(folder, stream, is_live), _captured_hops(folder), strict=False)
    ]
    differing = [index for index, difference in enumerate(differences) if difference > 0]
    own = {name: graph.sha256 for name, graph in engine.bundle.manifest.graphs.items()}
    return Replay(
        folder=folder,
        hops=len(differences),
        differing_hops=len(differing),
        first_difference=differing[0] if differing else None,
        largest_difference=max(differences, default=0.0),
        is_same_bundle=own == description["bundle_sha256"],
    )


def _sound_again(folder: Path, stream: SoundStream, is_live: bool) -> Iterator[Audio]:
    """Yield every hop; a live session prepares the next one before it hears of new settings."""
    for kind, payload in _operations(folder / OPERATIONS_FILE):
        try:
            if kind == CONTROL:
                _apply(stream, payload)
                continue
            if kind not in (NEW_FRAME, REPEATED_FRAME):
                continue
            audio = stream.hop(parse_frame(payload) if kind == NEW_FRAME else None)
            if is_live:
                stream.prepare()
            yield audio
        except ProtocolError as error:
            raise DataError(f"{folder / OPERATIONS_FILE}: {error}") from None


def _apply(stream: SoundStream, payload: bytes) -> None:
    control = decode(payload)
    if not isinstance(control, Control):
        raise DataError(f"expected a control message, got {type(control).__name__}")
    try:
        stream.apply(control)
    except ProtocolError:
        return  # the session refused it then, too


def _operations(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield kind and payload; a torn last record (the runtime was killed) ends the capture."""
    try:
        with path.open("rb") as file:
            while len(head := file.read(RECORD.size)) == RECORD.size:
                length, kind = RECORD.unpack(head)
                if length > MAX_FRAME_BYTES:
                    raise DataError(f"{path}: a record of {length} bytes; the file is damaged")
                payload = file.read(length)
                if len(payload) < length:
                    return
                yield kind, payload
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None


def _captured_hops(folder: Path) -> Iterator[Audio]:
    try:
        with soundfile.SoundFile(folder / SOUND_FILE) as sound:
            while len(hop := sound.read(HOP_SAMPLES, dtype="float32", always_2d=True)) == HOP_SAMPLES:
                yield hop
    except soundfile.LibsndfileError as error:
        raise DataError(f"{folder / SOUND_FILE}: {error}") from None
