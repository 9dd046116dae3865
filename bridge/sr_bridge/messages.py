"""Control messages: one kind byte, then one msgpack map of plain, bounded values.

``encode`` and ``decode`` are the only ways in and out; both check every value against the rules that stand
beside the fields, so that neither side can send what the other must refuse. Unknown keys are ignored
(a newer peer may add some); unknown kinds raise :class:`UnknownKind`, which receivers count and ignore.
"""

from __future__ import annotations

from dataclasses import MISSING, dataclass, field, fields
from enum import IntEnum
from typing import Any, ClassVar, TypeVar, Union, cast

import msgpack

from sr_bridge.errors import BAD_HEADER, ProtocolError
from sr_bridge.media import KIND_AUDIO, KIND_FRAME, Buffer
from sr_bridge.schema import Counts, Flag, Integer, Names, Number, Plain, Rules, Text, shown

PROTOCOL_MAJOR = 1
PROTOCOL_MINOR = 0
MAX_CONTROL_BYTES = 16_384
"""Longest control message; the largest real one (status) has about 560 bytes."""

LIVE, LOCKSTEP = "live", "lockstep"
PLAY_RUNTIME, PLAY_ENGINE, PLAY_BOTH = "runtime", "engine", "both"
AUDIO_FORMATS = ("float32", "int16")
MAX_FPS = 240.0

_MODE = Text(16, (LIVE, LOCKSTEP))
_PLAY = Text(16, (PLAY_RUNTIME, PLAY_ENGINE, PLAY_BOTH))
_SESSION = Integer(0, 2**32 - 1)
_NATURAL = Integer(0, 2**63 - 1)
_NANOSECONDS = Integer(-(2**63), 2**63 - 1)
_AMOUNT = Number(0.0, 1e12)
_VERSION_PART = Integer(0, 65_535)


class Kind(IntEnum):
    """The first byte of every message."""

    FRAME = KIND_FRAME
    AUDIO = KIND_AUDIO
    HELLO = 3
    WELCOME = 4
    CONTROL = 5
    STATUS = 6
    PING = 7
    PONG = 8
    ERROR = 9
    BYE = 10


class UnknownKind(ProtocolError):  # noqa: N818 - reads as the fact it states
    """The kind byte is none that this version knows: count it and go on."""


@dataclass(frozen=True)
class Hello:
    """Engine → runtime, first message of a connection: asks for a session."""

    KIND: ClassVar[Kind] = Kind.HELLO
    RULES: ClassVar[Rules] = {
        "protocol": _VERSION_PART,
        "protocol_minor": _VERSION_PART,
        "client": Text(64),
        "client_version": Text(32),
        "token": Text(128),
        "mode": _MODE,
        "fps": Number(0.0, MAX_FPS),
        "play": _PLAY,
        "audio": Text(16, AUDIO_FORMATS),
        "seed": _NATURAL,
    }

    token: str
    protocol: int = PROTOCOL_MAJOR
    protocol_minor: int = PROTOCOL_MINOR
    client: str = ""
    client_version: str = ""
    mode: str = LIVE
    fps: float = 0.0
    play: str = PLAY_ENGINE
    audio: str = "float32"
    seed: int = 0


@dataclass(frozen=True)
class Welcome:
    """Runtime → engine: the session is open; what the runtime is and wants."""

    KIND: ClassVar[Kind] = Kind.WELCOME
    RULES: ClassVar[Rules] = {
        "session": _SESSION,
        "protocol": _VERSION_PART,
        "protocol_minor": _VERSION_PART,
        "server": Text(64),
        "server_version": Text(32),
        "capabilities": Names(32, 32),
        "picture_width": Integer(1, 1280),
        "picture_height": Integer(1, 720),
        "sample_rate": Integer(1, 768_000),
        "hop_samples": Integer(1, 65_535),
        "bundle": Text(128),
        "latency_ms": _AMOUNT,
        "max_frame_hz": _AMOUNT,
        "window": Integer(1, 1024),
        "notice": Text(512),
    }

    session: int
    protocol: int = PROTOCOL_MAJOR
    protocol_minor: int = PROTOCOL_MINOR
    server: str = "sr-runtime"
    server_version: str = ""
    capabilities: list[str] = field(default_factory=list)
    picture_width: int = 128
    picture_height: int = 128
    sample_rate: int = 48_000
    hop_samples: int = 1600
    bundle: str = ""
    latency_ms: float = 0.0
    max_frame_hz: float = 150.0
    window: int = 8
    notice: str = ""


@dataclass(frozen=True)
class Control:
    """Engine → runtime: change a session; keys that are absent stay as they are. Answered by status."""

    KIND: ClassVar[Kind] = Kind.CONTROL
    RULES: ClassVar[Rules] = {
        "session": _SESSION,
        "guidance": Number(0.0, 10.0),
        "nfe": Integer(1, 64),
        "gain": Number(0.0, 4.0),
        "mute": Flag(),
        "seed": _NATURAL,
        "reset": Flag(),
        "pause": Flag(),
        "play": _PLAY,
    }

    session: int
    guidance: float | None = None
    nfe: int | None = None
    gain: float | None = None
    mute: bool | None = None
    seed: int | None = None
    reset: bool | None = None
    pause: bool | None = None
    play: str | None = None


@dataclass(frozen=True)
class Status:
    """Runtime → engine, twice a second and on request (the same kind with only ``session``)."""

    KIND: ClassVar[Kind] = Kind.STATUS
    RULES: ClassVar[Rules] = {
        "session": _SESSION,
        "state": Text(16, ("", "waiting", "running", "paused", "idle")),
        "hop": _NATURAL,
        "frames_received": _NATURAL,
        "frames_used": _NATURAL,
        "frames_dropped": _NATURAL,
        "frames_rejected": Counts(16),
        "hops_repeated": _NATURAL,
        "hops_skipped": _NATURAL,
        "hops_unsent": _NATURAL,
        "guidance": _AMOUNT,
        "nfe": Integer(0, 64),
        "gain": Number(0.0, 4.0),
        "mute": Flag(),
        "seed": _NATURAL,
        "play": Text(16),
        "degraded": Flag(),
        "sessions": _NATURAL,
        "hop_ms_p50": _AMOUNT,
        "hop_ms_p99": _AMOUNT,
        "after_frame_ms_p50": _AMOUNT,
        "frame_age_ms_p50": _AMOUNT,
        "underruns": _NATURAL,
        "gaps_ms": _AMOUNT,
        "level_ms": _AMOUNT,
        "ppm": Number(-1e6, 1e6),
        "frame_to_sample_ms_p50": _AMOUNT,
        "frame_to_sample_ms_p95": _AMOUNT,
        "output": Text(64),
    }

    session: int
    state: str = ""
    hop: int = 0
    frames_received: int = 0
    frames_used: int = 0
    frames_dropped: int = 0
    frames_rejected: dict[str, int] = field(default_factory=dict)
    hops_repeated: int = 0
    hops_skipped: int = 0
    hops_unsent: int = 0
    guidance: float = 0.0
    nfe: int = 0
    gain: float = 1.0
    mute: bool = False
    seed: int = 0
    play: str = ""
    degraded: bool = False
    sessions: int = 0
    hop_ms_p50: float = 0.0
    hop_ms_p99: float = 0.0
    after_frame_ms_p50: float = 0.0
    frame_age_ms_p50: float = 0.0
    underruns: int = 0
    gaps_ms: float = 0.0
    level_ms: float = 0.0
    ppm: float = 0.0
    frame_to_sample_ms_p50: float = 0.0
    frame_to_sample_ms_p95: float = 0.0
    output: str = ""


@dataclass(frozen=True)
class Ping:
    """Engine → runtime: ``t0_ns`` is the engine's clock when it sent this."""

    KIND: ClassVar[Kind] = Kind.PING
    RULES: ClassVar[Rules] = {"session": _SESSION, "t0_ns": _NANOSECONDS}

    session: int
    t0_ns: int


@dataclass(frozen=True)
class Pong:
    """Runtime → engine: t0 echoed, t1 received, t2 sent on the runtime's clock; t3 is the receiver's own."""

    KIND: ClassVar[Kind] = Kind.PONG
    RULES: ClassVar[Rules] = {
        "session": _SESSION,
        "t0_ns": _NANOSECONDS,
        "t1_ns": _NANOSECONDS,
        "t2_ns": _NANOSECONDS,
    }

    session: int
    t0_ns: int
    t1_ns: int
    t2_ns: int

    def offset_ns(self, t3_ns: int) -> int:
        """Return runtime clock − engine clock in ns, exact to half the asymmetry of the way."""
        return ((self.t1_ns - self.t0_ns) + (self.t2_ns - t3_ns)) // 2

    def delay_ns(self, t3_ns: int) -> int:
        """Return the time spent on the way there and back, in ns."""
        return (t3_ns - self.t0_ns) - (self.t2_ns - self.t1_ns)


@dataclass(frozen=True)
class Error:
    """Runtime → engine: something was refused. ``fatal``: there is no session (any more)."""

    KIND: ClassVar[Kind] = Kind.ERROR
    RULES: ClassVar[Rules] = {
        "code": Text(32),
        "expected": Text(512),
        "got": Text(512),
        "fix": Text(512),
        "session": _SESSION,
        "seq": Integer(0, 2**64 - 1),
        "fatal": Flag(),
    }

    code: str
    expected: str = ""
    got: str = ""
    fix: str = ""
    session: int = 0
    seq: int = 0
    fatal: bool = False


@dataclass(frozen=True)
class Bye:
    """Either side: the session ends now."""

    KIND: ClassVar[Kind] = Kind.BYE
    RULES: ClassVar[Rules] = {"session": _SESSION, "reason": Text(256)}

    session: int
    reason: str = ""


ControlMessage = Union[Hello, Welcome, Control, Status, Ping, Pong, Error, Bye]

_TYPES: dict[int, type[Any]] = {
    int(kind.KIND): kind for kind in (Hello, Welcome, Control, Status, Ping, Pong, Error, Bye)
}
_M = TypeVar("_M")


def encode(message: ControlMessage) -> bytes:
    """Return the bytes of a control message: the kind byte, then the msgpack map.

    Raises:
        ProtocolError: a value breaks its rule.

    Example:
        >>> decode(encode(Ping(session=7, t0_ns=1)))
        Ping(session=7, t0_ns=1)
    """
    values = {item.name: getattr(message, item.name) for item in fields(message)}
    present = {key: value for key, value in values.items() if value is not None}
    checked = {key: message.RULES[key].check(key, value) for key, value in present.items()}
    return bytes([message.KIND]) + cast(bytes, msgpack.packb(checked))


def decode(data: Buffer) -> ControlMessage:
    """Parse and check one control message.

    Raises:
        UnknownKind: the kind byte is not one of the control kinds.
        ProtocolError: the message is too long, is no map of plain values, or a value breaks its rule.
    """
    view = memoryview(data).cast("B")
    if len(view) == 0 or view[0] not in _TYPES:
        raise UnknownKind(BAD_HEADER, "a known kind byte", shown(bytes(view[:1])), "upgrade the older side")
    if len(view) > MAX_CONTROL_BYTES:
        raise ProtocolError(
            BAD_HEADER, f"at most {MAX_CONTROL_BYTES} bytes", str(len(view)), "send less text"
        )
    return cast(ControlMessage, _build(_TYPES[view[0]], _unpack(view[1:])))


def _unpack(body: memoryview) -> Plain:
    try:
        value = msgpack.unpackb(
            body, raw=False, strict_map_key=True, use_list=True,
            max_str_len=1024, max_bin_len=0, max_array_len=64, max_map_len=64, max_ext_len=0,
        )  # fmt: skip
    except (ValueError, TypeError, OverflowError, RecursionError, msgpack.UnpackException) as error:
        raise ProtocolError(
            BAD_HEADER, "one msgpack map", shown(str(error)), "see PROTOCOL.md, 'Control messages'"
        ) from None
    if not isinstance(value, dict):
        raise ProtocolError(BAD_HEADER, "one msgpack map", type(value).__name__, "send a map")
    return value


def _build(kind: type[_M], values: Plain) -> _M:
    known: Plain = {}
    rules: Rules = kind.RULES  # type: ignore[attr-defined]
    for item in fields(kind):  # type: ignore[arg-type]
        if item.name in values:
            known[item.name] = rules[item.name].check(item.name, values[item.name])
        elif item.default is MISSING and item.default_factory is MISSING:
            raise ProtocolError(BAD_HEADER, f"the key '{item.name}'", "no such key", "add it to the map")
    return kind(**known)
