"""Frames and sound on the wire: a fixed 40-byte little-endian header, then raw bytes, one ZeroMQ part.

``frame`` (engine → runtime)                       ``audio`` (runtime → engine)
 0 u8  kind = 1                                      0 u8  kind = 2
 1 u8  format 1 rgb8, 2 rgba8, 3 jpeg                1 u8  format 1 float32, 2 int16
 2 u16 flags  1 discontinuity, 2 bottom-up           2 u16 flags  1 fade-in, 2 repeated frame, 4 degraded
 4 u32 session                                       4 u32 session
 8 u64 seq                                           8 u64 hop
16 i64 capture_ns                                   16 i64 capture_ns of the newest frame heard
24 u16 width   26 u16 height                        24 u32 samples
28 u32 payload bytes                                28 u32 age of that frame in µs at hop start
32 u64 lockstep step (0 live)                       32 u64 seq of that frame
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from sr_bridge.errors import (
    BAD_HEADER,
    BAD_SIZE,
    FRAME_TOO_LARGE,
    UNSUPPORTED_FORMAT,
    ProtocolError,
)

HEADER_BYTES = 40
MAX_FRAME_BYTES = 4 << 20
"""Largest whole frame message; above it the frame is refused and the session kept."""
MAX_TRANSPORT_BYTES = 16 << 20
"""Largest message the transport takes; above it the connection is closed (ZMQ MAXMSGSIZE)."""
MIN_SIDE = 16
MAX_WIDTH, MAX_HEIGHT = 1280, 720
MAX_AUDIO_SAMPLES = 48_000
"""Most samples in one audio message: one lockstep step at 1 frame/s."""

KIND_FRAME, KIND_AUDIO = 1, 2

RGB8, RGBA8, JPEG = 1, 2, 3
DISCONTINUITY, BOTTOM_UP = 1, 2

FLOAT32, INT16 = 1, 2
FADE_IN, REPEATED_FRAME, DEGRADED = 1, 2, 4

_FRAME = struct.Struct("<BBHIQqHHIQ")
_AUDIO = struct.Struct("<BBHIQqIIQ")
_BYTES_PER_PIXEL = {RGB8: 3, RGBA8: 4}
_SAMPLE_TYPES: dict[int, np.dtype[Any]] = {FLOAT32: np.dtype("<f4"), INT16: np.dtype("<i2")}

Buffer = Union[bytes, bytearray, memoryview]


@dataclass(frozen=True)
class FrameHeader:
    """The first 40 bytes of a frame message."""

    format: int
    flags: int
    session: int
    seq: int
    capture_ns: int
    width: int
    height: int
    payload_bytes: int
    step: int = 0

    def pack(self) -> bytes:
        """Return the 40 bytes."""
        return _FRAME.pack(
            KIND_FRAME, self.format, self.flags, self.session, self.seq, self.capture_ns,
            self.width, self.height, self.payload_bytes, self.step,
        )  # fmt: skip


@dataclass(frozen=True)
class AudioHeader:
    """The first 40 bytes of an audio message."""

    format: int
    flags: int
    session: int
    hop: int
    capture_ns: int
    samples: int
    age_us: int
    seq: int

    def pack(self) -> bytes:
        """Return the 40 bytes."""
        return _AUDIO.pack(
            KIND_AUDIO, self.format, self.flags, self.session, self.hop, self.capture_ns,
            self.samples, self.age_us, self.seq,
        )  # fmt: skip


@dataclass(frozen=True)
class FrameMessage:
    """A checked frame: its header and the payload as it came (no copy)."""

    header: FrameHeader
    payload: memoryview

    def pixels(self) -> npt.NDArray[np.uint8]:
        """Return the picture as uint8 (height, width, 3), top row first, without copying rgb8.

        Raises:
            ProtocolError: the payload is JPEG, which the runtime decodes itself.
        """
        head = self.header
        depth = _BYTES_PER_PIXEL.get(head.format)
        if depth is None:
            raise ProtocolError(UNSUPPORTED_FORMAT, "raw pixels", "JPEG", "decode the payload")
        picture = np.frombuffer(self.payload, np.uint8).reshape(head.height, head.width, depth)
        rows = picture[::-1] if head.flags & BOTTOM_UP else picture
        return rows[..., :3]


@dataclass(frozen=True)
class AudioMessage:
    """Checked sound: its header and float32 (samples, 2), 48 kHz, −1..1."""

    header: AudioHeader
    audio: npt.NDArray[np.float32]


def parse_frame(data: Buffer) -> FrameMessage:
    """Check and split one frame message.

    Args:
        data: the whole message, kind byte first.

    Raises:
        ProtocolError: with the code that belongs on the wire.
    """
    view = memoryview(data).cast("B")
    if len(view) > MAX_FRAME_BYTES:
        raise ProtocolError(
            FRAME_TOO_LARGE, f"at most {MAX_FRAME_BYTES} bytes", str(len(view)), "send a smaller picture"
        )
    if len(view) < HEADER_BYTES or view[0] != KIND_FRAME:
        raise ProtocolError(
            BAD_HEADER, "a 40-byte frame header", f"{len(view)} bytes", "see PROTOCOL.md, 'frame'"
        )
    header = FrameHeader(*_FRAME.unpack_from(view)[1:])
    _check_frame(header, len(view) - HEADER_BYTES)
    return FrameMessage(header, view[HEADER_BYTES:])


def _check_frame(header: FrameHeader, payload_bytes: int) -> None:
    if header.format not in (RGB8, RGBA8, JPEG):
        raise ProtocolError(
            UNSUPPORTED_FORMAT, "format 1 rgb8, 2 rgba8 or 3 jpeg", str(header.format), "convert the picture"
        )
    check_picture_size(header.width, header.height)
    depth = _BYTES_PER_PIXEL.get(header.format)
    raw_bytes = None if depth is None else header.width * header.height * depth
    if header.payload_bytes != payload_bytes or raw_bytes not in (None, payload_bytes) or payload_bytes == 0:
        raise ProtocolError(
            BAD_SIZE,
            f"{header.payload_bytes if raw_bytes is None else raw_bytes} payload bytes "
            f"for {header.width}x{header.height}",
            f"{payload_bytes} (the header says {header.payload_bytes})",
            "send rows without padding and count them",
        )


def check_picture_size(width: int, height: int) -> None:
    """Raise :class:`ProtocolError` unless the picture is within 16x16 and 1280x720."""
    if width > MAX_WIDTH or height > MAX_HEIGHT:
        raise ProtocolError(
            FRAME_TOO_LARGE,
            f"at most {MAX_WIDTH}x{MAX_HEIGHT}",
            f"{width}x{height}",
            "shrink the picture to the size named in welcome",
        )
    if width < MIN_SIDE or height < MIN_SIDE:
        raise ProtocolError(
            BAD_SIZE, f"at least {MIN_SIDE}x{MIN_SIDE}", f"{width}x{height}", "send a larger picture"
        )


def pack_audio(header: AudioHeader, audio: npt.NDArray[np.float32]) -> bytes:
    """Return an audio message; ``audio`` is float32 (samples, 2) and is clipped to −1..1 for int16."""
    if header.format == INT16:
        return header.pack() + bytes(np.rint(np.clip(audio, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())
    return header.pack() + audio.astype("<f4", copy=False).tobytes()


def parse_audio(data: Buffer) -> AudioMessage:
    """Check one audio message and return its sound as float32 (samples, 2).

    Raises:
        ProtocolError: the message is malformed.
    """
    view = memoryview(data).cast("B")
    if len(view) < HEADER_BYTES or view[0] != KIND_AUDIO:
        raise ProtocolError(
            BAD_HEADER, "a 40-byte audio header", f"{len(view)} bytes", "see PROTOCOL.md, 'audio'"
        )
    header = AudioHeader(*_AUDIO.unpack_from(view)[1:])
    kind = _SAMPLE_TYPES.get(header.format)
    if kind is None:
        raise ProtocolError(
            UNSUPPORTED_FORMAT, "format 1 float32 or 2 int16", str(header.format), "upgrade the client"
        )
    body = view[HEADER_BYTES:]
    if header.samples > MAX_AUDIO_SAMPLES or len(body) != header.samples * 2 * kind.itemsize:
        raise ProtocolError(
            BAD_SIZE, f"{header.samples} stereo samples", f"{len(body)} bytes", "check the transport"
        )
    samples = np.frombuffer(body, kind).reshape(-1, 2).astype(np.float32)
    return AudioMessage(header, samples / np.float32(32767.0) if header.format == INT16 else samples)
