"""The Python client: frames out, sound back, one object, no thread of its own.

Call it from one thread. ``send_frame`` and ``poll_audio`` never block; everything that the connection needs
(hello after a reconnect, status, errors) happens inside them, so call one of them often (a game loop does).
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from sr_bridge import connection, media
from sr_bridge.connection import CurveKeys
from sr_bridge.conversation import AudioHop, ClockReading, ConnectionState, Conversation
from sr_bridge.errors import (
    BAD_SIZE,
    NobodyListens,
    NotConnected,
    ProtocolError,
    RefusedError,
    SilentPeer,
)
from sr_bridge.media import FrameHeader
from sr_bridge.messages import (
    LIVE,
    LOCKSTEP,
    PLAY_ENGINE,
    Control,
    Error,
    Hello,
    Ping,
    Status,
    Welcome,
    encode,
)

__all__ = ["AudioHop", "Client", "ClockReading", "ConnectionState"]

VERSION = "0.1.0"


class Client:
    """A session with a runtime.

    Args:
        endpoint: ``tcp://host:port``; None reads the connection file of this machine's runtime.
        token: the runtime's token; None reads the connection file, whose token is for this machine only.
        mode: ``live`` (30 hops/s on the runtime's clock) or ``lockstep`` (exact samples per step).
        fps: lockstep only: steps per second, 1 to 240.
        play: who plays the sound: ``engine`` (comes back here), ``runtime`` or ``both``.
        audio: ``float32`` or ``int16`` samples on the wire.
        seed: of the model's noise; the same seed and frames give the same sound in lockstep.
        curve: keys of the encrypted endpoint.
        connection_file: another connection file to read.
        name: what the runtime's log calls this client.

    Raises:
        ConnectionFileError: no endpoint or token was given and there is no connection file, or its token
            would go to another machine.
        ProtocolError: an argument is out of range.

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
            raise ValueError("mode='lockstep' needs fps: simulation steps in one second of sound")
        self._token_file: Path | None = None
        if token is None or (endpoint is None and curve is None):
            path = connection_file or connection.default_path()
            info = connection.read(path)
            if token is None:
                connection.check_recipient(info, endpoint, curve)
            endpoint = endpoint or info.endpoint
            self._token_file = path if token is None else None
            token = info.token if token is None else token
        self.endpoint = curve.endpoint if curve is not None else str(endpoint)
        self._hello = Hello(
            token=token, client=name, client_version=VERSION, mode=mode,
            fps=float(fps or 0.0), play=play, audio=audio, seed=seed,
        )  # fmt: skip
        encode(self._hello)  # a wrong argument fails here, not at the runtime
        self._curve = curve
        self._talk: Conversation | None = None
        self._session = 0
        self._seq = 0
        self._step = 0

    # -- connection ----------------------------------------------------------------------------------

    def connect(self, timeout_s: float = 5.0) -> Welcome:
        """Open a session and return the runtime's welcome.

        Raises:
            RefusedError: the runtime said no; code, expected, got and fix are its words.
            NobodyListens: no process accepts connections at the endpoint.
            SilentPeer: something accepts connections and does not answer.
        """
        if self._talk is None:
            self._talk = Conversation(self.endpoint, self._hello, self._curve, self._token_file)
        talk, deadline = self._talk, time.monotonic() + timeout_s
        while talk.welcome is None:
            remaining_s = deadline - time.monotonic()
            talk.pump(min(0.05, max(0.0, remaining_s)))
            if talk.refusal is not None:
                raise _refused(talk.refusal)
            if remaining_s <= 0 and talk.welcome is None:
                raise self._timeout_error(talk, timeout_s)
        return talk.welcome

    def _timeout_error(self, talk: Conversation, timeout_s: float) -> Exception:
        where = f"{self.endpoint} within {timeout_s:g} s"
        if talk.is_linked:
            return SilentPeer(
                f"connected to {where}, but no welcome came: is it an sr-runtime, and which version?"
            )
        return NobodyListens(f"nobody listens at {where}: start it with 'sr-runtime serve', check the port")

    @property
    def state(self) -> ConnectionState:
        """What the connection is doing now."""
        return ConnectionState.CLOSED if self._talk is None else self._talk.state

    @property
    def welcome(self) -> Welcome | None:
        """The open session's welcome, or None."""
        return None if self._talk is None else self._talk.welcome

    @property
    def errors(self) -> dict[str, int]:
        """Refusals so far, by code."""
        return {} if self._talk is None else dict(self._talk.errors)

    @property
    def last_error(self) -> Error | None:
        """The newest refusal, with what was expected, what came and what to do."""
        return None if self._talk is None else self._talk.last_error

    @property
    def hops_lost(self) -> int:
        """Hops thrown away because nobody called :meth:`poll_audio`."""
        return 0 if self._talk is None else self._talk.hops_lost

    @property
    def sessions(self) -> int:
        """Sessions opened since :meth:`connect`; more than 1 means that the client has reconnected."""
        return 0 if self._talk is None else self._talk.sessions

    def close(self) -> None:
        """End the session and close the sockets; safe to call twice."""
        if self._talk is not None:
            self._talk.close()
            self._talk = None

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _pumped(self, timeout_s: float = 0.0) -> Conversation:
        """Take in what has come; a new session starts its own counting."""
        if self._talk is None:
            raise NotConnected("the client is closed or was never connected: call connect()")
        self._talk.pump(timeout_s)
        session = self._talk.welcome.session if self._talk.welcome is not None else 0
        if session not in (0, self._session):
            self._session, self._seq, self._step = session, 0, 0
        return self._talk

    # -- frames and sound ----------------------------------------------------------------------------

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

        Raises:
            ProtocolError: the picture is of a kind or size that the protocol does not have.
        """
        height, width, depth = _checked_shape(rgb)
        kind = media.RGB8 if depth == 3 else media.RGBA8
        return self._send(kind, np.ascontiguousarray(rgb).tobytes(), (width, height), capture_ns, flags, step)

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
        return self._send(media.JPEG, data, (width, height), capture_ns, flags, step)

    def _send(
        self, kind: int, body: bytes, size: tuple[int, int], capture_ns: int | None, flags: int, step: int
    ) -> bool:
        talk = self._pumped()
        captured_ns = time.monotonic_ns() if capture_ns is None else capture_ns
        header = FrameHeader(
            kind, flags, self._session, self._seq + 1, captured_ns, size[0], size[1], len(body), step
        )
        message = header.pack() + body
        media.parse_frame(message)
        is_sent = talk.welcome is not None and talk.send_bytes(message)
        self._seq += is_sent
        return is_sent

    def poll_audio(self, timeout_s: float = 0.0) -> list[AudioHop]:
        """Return all sound since the last call, oldest first; wait at most ``timeout_s`` for some."""
        deadline = time.monotonic() + timeout_s
        talk = self._pumped()
        while not talk.hops and (remaining_s := deadline - time.monotonic()) > 0:
            self._pumped(remaining_s)
        hops = list(talk.hops)
        talk.hops.clear()
        return hops

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
        talk = self._pumped()
        session, refusals = talk.open_session().session, sum(talk.errors.values())
        deadline = time.monotonic() + timeout_s
        while not self.send_frame(frame, step=self._step + 1):
            self._check_step(talk, session, refusals, deadline)
            self._pumped(0.01)
        while not talk.hops:
            self._check_step(talk, session, refusals, deadline)
            self._pumped(0.1)
        self._step += 1
        return talk.hops.popleft().audio

    def _check_step(self, talk: Conversation, session: int, refusals: int, deadline: float) -> None:
        if talk.welcome is None or talk.welcome.session != session:
            raise NotConnected("the session was lost in this step: reset the environment and connect again")
        if talk.last_error is not None and sum(talk.errors.values()) > refusals:
            raise _refused(talk.last_error)
        if time.monotonic() > deadline:
            raise SilentPeer(f"no sound for step {self._step + 1} in time from {self.endpoint}")

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
        talk = self._pumped()
        session = talk.open_session().session
        talk.send(Control(session, guidance, nfe, gain, mute, seed, reset, pause, play))
        if reset:
            self._step = 0

    def status(self, timeout_s: float = 1.0) -> Status:
        """Ask for the session's status and return it.

        Raises:
            NotConnected: there is no session.
            RefusedError: it was asked for too often.
            SilentPeer: no answer within ``timeout_s``.
        """
        talk = self._pumped()
        talk.status, told = None, talk.last_error
        talk.send(Status(talk.open_session().session))
        deadline = time.monotonic() + timeout_s
        while talk.status is None:
            self._wait_for_answer("status", told, deadline)
        return talk.status

    def ping(self, timeout_s: float = 1.0) -> ClockReading:
        """Measure the clock offset and the delay to the runtime; the best of several has the least delay.

        Raises:
            NotConnected: there is no session.
            RefusedError: it was asked for too often (over 50 times a second).
            SilentPeer: no answer within ``timeout_s``.
        """
        talk = self._pumped()
        told = talk.last_error
        talk.pongs.clear()
        talk.send(Ping(talk.open_session().session, time.monotonic_ns()))
        deadline = time.monotonic() + timeout_s
        while not talk.pongs:
            self._wait_for_answer("pong", told, deadline)
        return talk.pongs[-1]

    def _wait_for_answer(self, what: str, told: Error | None, deadline: float) -> None:
        talk = self._pumped(0.05)
        talk.open_session()
        if talk.last_error is not None and talk.last_error is not told and not talk.last_error.seq:
            raise _refused(talk.last_error)
        if time.monotonic() > deadline:
            raise SilentPeer(f"no {what} in time from {self.endpoint}")


def _refused(error: Error) -> RefusedError:
    return RefusedError(error.code, error.expected, error.got, error.fix)


def _checked_shape(rgb: npt.NDArray[np.uint8]) -> tuple[int, int, int]:
    if rgb.dtype != np.uint8 or rgb.ndim != 3 or rgb.shape[2] not in (3, 4):
        raise ProtocolError(
            BAD_SIZE,
            "uint8 (height, width, 3 or 4)",
            f"{rgb.dtype} {tuple(rgb.shape)}",
            "convert the picture, for example with (x * 255).astype(np.uint8)",
        )
    return rgb.shape[0], rgb.shape[1], rgb.shape[2]
