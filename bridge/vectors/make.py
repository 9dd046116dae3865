"""Write the golden messages: ``NAME.bin`` (the bytes) beside ``NAME.json`` (what they mean).

Run ``python bridge/vectors/make.py`` after a change of the protocol; tests check that the files are up to
date, and every client in this repository (Python, C#, GDScript, Node) is tested against them.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from sr_bridge import media
from sr_bridge.media import AudioHeader, FrameHeader
from sr_bridge.messages import (
    Bye,
    Control,
    ControlMessage,
    Error,
    Hello,
    Ping,
    Pong,
    Status,
    Welcome,
    encode,
)

FOLDER = Path(__file__).parent
TOKEN = "golden-token-of-no-runtime"
WIDTH, HEIGHT = 20, 16


def picture(depth: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a picture whose byte i is i mod 251, so that any shift or swap shows."""
    return (np.arange(WIDTH * HEIGHT * depth) % 251).astype(np.uint8).reshape(HEIGHT, WIDTH, depth)


def frames() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Return name → (bytes, meaning) of the frame vectors."""
    rgb, rgba = picture(3).tobytes(), picture(4).tobytes()
    cases = {
        "frame_rgb8": (
            FrameHeader(media.RGB8, 0, 0x01020304, 1, 1_234_567_890_123, WIDTH, HEIGHT, len(rgb)),
            rgb,
        ),
        "frame_rgba8_bottom_up": (
            FrameHeader(media.RGBA8, media.BOTTOM_UP, 7, 2**40 + 3, -5, WIDTH, HEIGHT, len(rgba)),
            rgba,
        ),
        "frame_lockstep_cut": (
            FrameHeader(media.RGB8, media.DISCONTINUITY, 0xFFFFFFFF, 9, 2**62, WIDTH, HEIGHT, len(rgb), 9),
            rgb,
        ),
    }
    return {
        name: (header.pack() + body, {"kind": "frame", **asdict(header), "payload": "byte i is i mod 251"})
        for name, (header, body) in cases.items()
    }


def sounds() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Return name → (bytes, meaning) of the audio vectors."""
    ramp = np.stack([np.arange(8), -np.arange(8)], axis=1).astype(np.float32) / np.float32(8)
    cases = {
        "audio_float32": AudioHeader(
            media.FLOAT32, media.FADE_IN, 0x01020304, 0, 1_234_567_890_123, 8, 4321, 1
        ),
        "audio_int16": AudioHeader(
            media.INT16, media.REPEATED_FRAME | media.DEGRADED, 7, 2**33, -5, 8, 0, 2**40 + 3
        ),
    }
    return {
        name: (
            media.pack_audio(header, ramp),
            {"kind": "audio", **asdict(header), "payload": [[float(x) for x in row] for row in ramp]},
        )
        for name, header in cases.items()
    }


def controls() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Return name → (bytes, meaning) of the control vectors."""
    cases: dict[str, ControlMessage] = {
        "hello_live": Hello(TOKEN, client="golden", client_version="1.2.3", play="both", seed=42),
        "hello_lockstep": Hello(TOKEN, mode="lockstep", fps=29.97, audio="int16"),
        "welcome": Welcome(
            0x01020304, server_version="0.1.0", capabilities=["rgb8", "float32", "live"], bundle="probe",
            picture_width=64, picture_height=48, latency_ms=83.0, notice="no sound device",
        ),
        "control_some": Control(0x01020304, guidance=1.5, mute=False, reset=True),
        "control_all": Control(7, 0.0, 4, 0.25, True, 2**63 - 1, False, True, "runtime"),
        "status": Status(
            7, state="running", hop=300, frames_received=310, frames_used=290, frames_dropped=20,
            frames_rejected={"bad_size": 2}, guidance=2.0, nfe=1, sessions=2, hop_ms_p50=8.5, ppm=-12.25,
        ),
        "ping": Ping(7, -9_000_000_000),
        "pong": Pong(7, -9_000_000_000, 2**62, 2**62 + 1000),
        "error": Error("bad_size", "960 payload bytes", "12", "send unpadded rows", 7, 2**40 + 3, False),
        "error_fatal": Error("bad_token", "the runtime's token", "another", "read it", fatal=True),
        "bye": Bye(7, "closed by the client"),
    }  # fmt: skip
    return {name: (encode(item), _meaning(item)) for name, item in cases.items()}


def _meaning(message: ControlMessage) -> dict[str, Any]:
    return {"kind": message.KIND.name.lower(), **{k: v for k, v in asdict(message).items() if v is not None}}


def status_request() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Return the shortest message: a status request, written by hand as other clients would."""
    return {"status_request": (b"\x06\x81\xa7session\x07", {"kind": "status", "session": 7})}


def vectors() -> dict[str, tuple[bytes, dict[str, Any]]]:
    """Return name → (bytes, meaning) of all golden messages."""
    return {**frames(), **sounds(), **controls(), **status_request()}


def main() -> None:
    """Write all vectors beside this file."""
    for name, (data, meaning) in vectors().items():
        (FOLDER / f"{name}.bin").write_bytes(data)
        (FOLDER / f"{name}.json").write_text(json.dumps(meaning, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
