"""The Python client: frames out, sound back, one object, no thread of its own.

Call it from one thread. ``send_frame`` and ``poll_audio`` never block; everything that the connection needs
(hello after a reconnect, status, errors) happens inside them, so call one of them often (a game loop does).
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt
import zmq

from sr_bridge import connection, media
from sr_bridge.connection import CurveKeys
from sr_bridge.errors import (
    SERVER_BUSY,
    UNKNOWN_SESSION,
    NobodyListens,
    NotConnected,
    ProtocolError,
    RefusedError,
    SilentPeer,
)
from sr_bridge.link import Link
from sr_bridge.media import AudioHeader, AudioMessage, FrameHeader
from sr_bridge.messages import (
    LIVE,
    LOCKSTEP,
    PLAY_ENGINE,
    Bye,
    Control,
    ControlMessage,
    Error,
    Hello,
    Ping,
    Pong,
    Status,
    UnknownKind,
    Welcome,
    decode,
    encode,
)

KEPT_HOPS = 256
"""Sound kept for a caller that does not poll; the oldest goes first and is counted."""
SILENT_AFTER_S = 2.0
"""Without any message from the runtime for this long (it sends status twice a second) it counts as silent."""
RETRY_BUSY_S = 2.0
"""A refused hello is repeated after this long if the cause can pass (``server_busy``)."""


class ConnectionState(Enum):
    """What the connection is doing; the four failures have four names, since their cures differ."""

    CONNECTING = "connecting"
    RUNNING = "running"
    NOBODY_LISTENS = "nobody listens"
    SILENT = "silent"
    REFUSED = "refused"
    FRAMES_REJECTED = "frames rejected"
    CLOSED = "closed"


@dataclass(frozen=True)
class AudioHop:
    """Sound as it came: ``audio`` is float32 (samples, 2), 48 kHz, −1..1; live hops have 1600 samples."""

    audio: npt.NDArray[np.float32]
    hop: int
    flags: int
    capture_ns: int
    age_us: int
    seq: int

    @classmethod
    def of(cls, message: AudioMessage) -> AudioHop:
        """Return the hop of a parsed message."""
        head: AudioHeader = message.header
        return cls(message.audio, head.hop, head.flags, head.capture_ns, head.age_us, head.seq)


@dataclass(frozen=True)
class ClockReading:
    """One ping: runtime clock − this clock, and the time spent on the way, both in ns."""

    offset_ns: int
    delay_ns: int


class Client:
    """A session with a runtime.

    Args:
        endpoint: ``tcp://host:port``; None reads the connection file of this machine's runtime.
        token: the runtime's token; None reads the connection file.
        mode: ``live`` (30 hops/s on the runtime's clock) or ``lockstep`` (exact samples per step).
        fps: lockstep only: steps per second, 1 to 240.
        play: who plays the sound: ``engine`` (comes back here), ``runtime`` or ``both``.
        audio: ``float32`` or ``int16`` samples on the wire.
        seed: of the model's noise; the same seed and frames give the same sound in lockstep.
        curve: keys of the encrypted endpoint.
        connection_file: another connection file to read.
        name: what the runtime's log calls this client.

    Example:
        >>> with Client() as client:                                     # doctest: +SKIP
        ...     client.connect()
        ...     client.send_frame(np.zeros((128, 128, 3), np.uint8))
        ...     hops = client.poll_audio(timeout_s=0.1)
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | None = None,
        mode: str = LIVE,
        fps: float | None = None,
        play: str = PLAY_ENGINE,
        audio: str = "float32",
        seed: int = 0,
        curve: CurveKeys | None = None,
        connection_file: Path | None = None,
        name: str = "sr_bridge",
    ) -> None:
        if mode == LOCKSTEP and fps is None:
            raise ValueError(
                "mode='lockstep' needs fps: the number of simulation steps in one second of sound"
            )
        if token is None or (endpoint is None and curve is None):
            info = connection.read(connection_file)
            endpoint = endpoint or info.endpoint
            token = info.token if token is None else token
        self.endpoint = curve.endpoint if curve is not None else str(endpoint)
        self._hello = Hello(
            token=token, client=name, client_version="0.1.0", mode=mode,
            fps=float(fps or 0.0), play=play, audio=audio, seed=seed,
        )  # fmt: skip
        encode(self._hello)  # a wrong argument fails here, not at the runtime
        self._curve = curve
        self._link: Link | None = None
        self._is_linked = False
        self._heard_s = 0.0
        self._retry_s = 0.0
        self._welcome: Welcome | None = None
        self._refusal: Error | None = None
        self._rejected_s = -1e9
        self._hops: deque[AudioHop] = deque()
        self._status: Status | None = None
        self._pongs: deque[ClockReading] = deque(maxlen=16)
        self._seq = 0
        self._step = 0
        self.errors: dict[str, int] = {}
        """Refusals seen so far, by code."""
        self.last_error: Error | None = None
        """The newest refusal, with what was expected, what came and what to do."""
        self.hops_lost = 0
        """Hops thrown away because nobody called :meth:`poll_audio`."""
        self.sessions = 0
        """Sessions opened so far; more than 1 means that the client has reconnected."""

    # -- connection ----------------------------------------------------------------------------------

    def connect(self, timeout_s: float = 5.0) -> Welcome:
        """Open a session and return the runtime's welcome.

        Raises:
            RefusedError: the runtime said no; code, expected, got and fix are its words.
            NobodyListens: no process accepts connections at the endpoint.
            SilentPeer: something accepts connections and does not answer.
        """
        if self._link is None:
            self._link = Link(self.endpoint, self._curve)
            self._heard_s = time.monotonic()
        deadline = time.monotonic() + timeout_s
        while self._welcome is None:
            remaining = deadline - time.monotonic()
            self._pump(min(0.05, max(0.0, remaining)))
            if self._refusal is not None:
                raise _refused(self._refusal)
            if remaining <= 0 and self._welcome is None:
                raise self._timeout_error(timeout_s)
        return self._welcome

    def _timeout_error(self, timeout_s: float) -> Exception:
        where = f"{self.endpoint} within {timeout_s:g} s"
        if self._is_linked:
            return SilentPeer(
                f"connected to {where}, but no welcome came: is it an sr-runtime, of this version?"
            )
        return NobodyListens(f"nobody listens at {where}: start it with 'sr-runtime serve', check the port")

    @property
    def state(self) -> ConnectionState:
        """What the connection is doing now."""
        now = time.monotonic()
        if self._link is None:
            return ConnectionState.CLOSED
        if self._refusal is not None:
            return ConnectionState.REFUSED
        if not self._is_linked:
            return ConnectionState.NOBODY_LISTENS
        if now - self._heard_s > SILENT_AFTER_S:
            return ConnectionState.SILENT
        if self._welcome is None:
            return ConnectionState.CONNECTING
        return ConnectionState.FRAMES_REJECTED if now - self._rejected_s < 1.0 else ConnectionState.RUNNING

    @property
    def welcome(self) -> Welcome | None:
        """The open session's welcome, or None."""
        return self._welcome

    def close(self) -> None:
        """End the session and close the sockets; safe to call twice."""
        if self._link is None:
            return
        if self._welcome is not None:
            self._send(Bye(self._welcome.session, "closed by the client"))
        self._link.close(flush_ms=200)
        self._link = None
        self._welcome = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # -- live ----------------------------------------------------------------------------------------

    def send_frame(
        self, rgb: npt.NDArray[np.uint8], capture_ns: int | None = None, flags: int = 0, step: int = 0
    ) -> bool:
        """Send one picture; never blocks.

        Args:
            rgb: uint8 (height, width, 3) or (height, width, 4), top row first unless ``flags`` says
                ``BOTTOM_UP``; 16x16 to 1280x720. Best shrunk to the size that welcome names.
            capture_ns: ``time.monotonic_ns()`` when the picture was taken; None means now.
            flags: ``media.DISCONTINUITY`` at a scene cut, ``media.BOTTOM_UP``.
            step: lockstep only: the number of the step, counted from 1.

        Returns:
            False if there is no session (yet) or the connection is too slow for this frame.
        """
        self._pump(0.0)
        height, width, depth = _checked_shape(rgb)
        kind = media.RGB8 if depth == 3 else media.RGBA8
        return self._send_media(
            kind, np.ascontiguousarray(rgb).tobytes(), width, height, capture_ns, flags, step
        )

    def send_jpeg(
        self,
        data: bytes,
        width: int,
        height: int,
        capture_ns: int | None = None,
        flags: int = 0,
        step: int = 0,
    ) -> bool:
        """Send one picture as JPEG; ``width`` and ``height`` must be those inside ``data``."""
        self._pump(0.0)
        return self._send_media(media.JPEG, data, width, height, capture_ns, flags, step)

    def _send_media(
        self,
        kind: int,
        body: bytes,
        width: int,
        height: int,
        capture_ns: int | None,
        flags: int,
        step: int,
    ) -> bool:
        if self._welcome is None or self._link is None:
            return False
        header = FrameHeader(
            kind, flags, self._welcome.session, self._seq + 1,
            time.monotonic_ns() if capture_ns is None else capture_ns, width, height, len(body), step,
        )  # fmt: skip
        message = header.pack() + body
        media.parse_frame(message)
        is_sent = self._link.send(message)
        self._seq += is_sent
        return is_sent

    def poll_audio(self, timeout_s: float = 0.0) -> list[AudioHop]:
        """Return all sound since the last call, oldest first; wait at most ``timeout_s`` for some."""
        deadline = time.monotonic() + timeout_s
        self._pump(0.0)
        while not self._hops and time.monotonic() < deadline:
            self._pump(deadline - time.monotonic())
        hops, self._hops = list(self._hops), deque()
        return hops

    # -- lockstep ------------------------------------------------------------------------------------

    def step(self, frame: npt.NDArray[np.uint8], timeout_s: float = 30.0) -> npt.NDArray[np.float32]:
        """Run one simulation step: send its picture and return exactly its sound.

        After step i, floor(48000·i/fps + 0.5) samples have been returned in total.

        Args:
            frame: uint8 (height, width, 3), the picture of this step.
            timeout_s: give up after this long.

        Returns:
            float32 (samples, 2), 48 kHz.

        Raises:
            NotConnected: there is no session, or it was lost: reset the environment and connect again.
            RefusedError: the runtime refused this frame.
            SilentPeer: no answer within ``timeout_s``.
        """
        if self._hello.mode != LOCKSTEP:
            raise NotConnected(
                "step() needs Client(mode='lockstep', fps=...); live sessions use send_frame()"
            )
        known = self.sessions
        refusals = sum(self.errors.values())
        if not self.send_frame(frame, step=self._step + 1):
            raise NotConnected(f"no session ({self.state.value}): call connect() first")
        deadline = time.monotonic() + timeout_s
        while not self._hops:
            if sum(self.errors.values()) > refusals and self.last_error is not None:
                raise _refused(self.last_error)
            if self.sessions != known or self._welcome is None:
                raise NotConnected(
                    "the session was lost in this step: reset the environment and connect again"
                )
            if time.monotonic() > deadline:
                raise SilentPeer(
                    f"no sound for step {self._step + 1} within {timeout_s:g} s from {self.endpoint}"
                )
            self._pump(0.1)
        self._step += 1
        return self._hops.popleft().audio

    # -- control -------------------------------------------------------------------------------------

    def control(
        self,
        guidance: float | None = None,
        nfe: int | None = None,
        gain: float | None = None,
        mute: bool | None = None,
        seed: int | None = None,
        reset: bool | None = None,
        pause: bool | None = None,
        play: str | None = None,
    ) -> None:
        """Change the session; what is None stays. ``reset`` forgets all frames, sound and lockstep steps.

        Raises:
            NotConnected: there is no session.
            ProtocolError: a value is out of range.
        """
        self._pump(0.0)
        if self._welcome is None:
            raise NotConnected(f"no session ({self.state.value}): call connect() first")
        self._send(Control(self._welcome.session, guidance, nfe, gain, mute, seed, reset, pause, play))
        if reset:
            self._step = 0

    def status(self, timeout_s: float = 1.0) -> Status:
        """Ask for the session's status and return it.

        Raises:
            NotConnected: there is no session.
            SilentPeer: no answer within ``timeout_s``.
        """
        self._pump(0.0)
        if self._welcome is None:
            raise NotConnected(f"no session ({self.state.value}): call connect() first")
        self._status = None
        self._send(Status(self._welcome.session))
        deadline = time.monotonic() + timeout_s
        while self._status is None:
            if time.monotonic() > deadline:
                raise SilentPeer(f"no status within {timeout_s:g} s from {self.endpoint}")
            self._pump(0.05)
        return self._status

    def ping(self, timeout_s: float = 1.0) -> ClockReading:
        """Measure the clock offset and the delay to the runtime; the best of several has the least delay."""
        self._pump(0.0)
        if self._welcome is None:
            raise NotConnected(f"no session ({self.state.value}): call connect() first")
        self._pongs.clear()
        self._send(Ping(self._welcome.session, time.monotonic_ns()))
        deadline = time.monotonic() + timeout_s
        while not self._pongs:
            if time.monotonic() > deadline:
                raise SilentPeer(f"no pong within {timeout_s:g} s from {self.endpoint}")
            self._pump(0.05)
        return self._pongs[-1]

    # -- what the connection needs -------------------------------------------------------------------

    def _send(self, message: ControlMessage) -> bool:
        data = encode(message)
        return self._link is not None and self._link.send(data)

    def _pump(self, timeout_s: float) -> None:
        if self._link is None:
            raise NotConnected("the client is closed or was never connected: call connect()")
        if timeout_s > 0:
            self._link.wait(timeout_s)
        for event in self._link.events():
            self._follow(event)
        for data in self._link.messages():
            self._receive(data)
        self._retry_hello()

    def _follow(self, event: int) -> None:
        if event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
            self._is_linked = True
            self._heard_s = time.monotonic()
            self._greet()
        elif event in (zmq.EVENT_DISCONNECTED, zmq.EVENT_CONNECT_RETRIED):
            self._is_linked = False
            self._welcome = None

    def _greet(self) -> None:
        self._welcome = None
        self._refusal = None
        self._send(self._hello)

    def _retry_hello(self) -> None:
        is_passing = self._refusal is not None and self._refusal.code == SERVER_BUSY
        if is_passing and self._is_linked and time.monotonic() > self._retry_s:
            self._greet()

    def _receive(self, data: bytes) -> None:
        self._heard_s = time.monotonic()
        try:
            if data[:1] == bytes([media.KIND_AUDIO]):
                self._keep(media.parse_audio(data))
            else:
                self._handle(decode(data))
        except UnknownKind:
            self._count("unknown_kind")
        except ProtocolError as error:
            self._count(error.code)

    def _keep(self, message: AudioMessage) -> None:
        if self._welcome is None or message.header.session != self._welcome.session:
            return
        if len(self._hops) >= KEPT_HOPS:
            self._hops.popleft()
            self.hops_lost += 1
        self._hops.append(AudioHop.of(message))

    def _handle(self, message: ControlMessage) -> None:
        if isinstance(message, Welcome):
            self._welcome = message
            self._hops.clear()
            self._step = 0
            self.sessions += 1
        elif isinstance(message, Status):
            self._status = message
        elif isinstance(message, Pong):
            now = time.monotonic_ns()
            self._pongs.append(ClockReading(message.offset_ns(now), message.delay_ns(now)))
        elif isinstance(message, Error):
            self._hear_error(message)
        elif isinstance(message, Bye):
            self._welcome = None
            self._refusal = Error(
                "unknown_session", "an open session", message.reason, "connect again", fatal=True
            )

    def _hear_error(self, error: Error) -> None:
        self._count(error.code)
        self.last_error = error
        if error.code == UNKNOWN_SESSION and self._welcome is not None:
            self._greet()
        elif error.fatal:
            self._welcome = None
            self._refusal = error
            self._retry_s = time.monotonic() + RETRY_BUSY_S
        elif error.seq:
            self._rejected_s = time.monotonic()

    def _count(self, code: str) -> None:
        self.errors[code] = self.errors.get(code, 0) + 1


def _refused(error: Error) -> RefusedError:
    return RefusedError(error.code, error.expected, error.got, error.fix)


def _checked_shape(rgb: npt.NDArray[np.uint8]) -> tuple[int, int, int]:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] not in (3, 4):
        raise ProtocolError(
            "bad_size",
            "uint8 (height, width, 3 or 4)",
            f"{rgb.dtype} {tuple(rgb.shape)}",
            "convert the picture, for example with (x * 255).astype(np.uint8)",
        )
    return rgb.shape[0], rgb.shape[1], rgb.shape[2]
