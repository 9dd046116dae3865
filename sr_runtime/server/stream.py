"""One session's sound and its settings: what live, lockstep and replay have in common.

Keeps every operation on a tape if the session is captured, so that ``replay`` can do the same again.
Thread: inference.
"""

from __future__ import annotations

from typing import Protocol

from sr_bridge.errors import BAD_HEADER, ProtocolError
from sr_bridge.media import DISCONTINUITY, FrameMessage
from sr_bridge.messages import Control

from sr_runtime.engine.session import Session, Step, step_together
from sr_runtime.engine.settings import Relief, SamplingSettings
from sr_runtime.engine.timings import HopTimings
from sr_runtime.errors import ConfigError
from sr_runtime.server.pictures import decode
from sr_runtime.types import Audio


class Tape(Protocol):
    """Where a captured session's operations go."""

    def keep_hop(self, message: FrameMessage | None, audio: Audio) -> None:
        """Keep one hop: the frame that it saw (None: no new one) and its sound."""

    def keep_control(self, control: Control) -> None:
        """Keep a change of settings."""

    def close(self) -> None:
        """Finish the files."""


class SoundStream:
    """An engine session with the wire's words for it.

    Args:
        session: Of the engine.
        tape: Where to keep what happens, or None.
    """

    def __init__(self, session: Session, tape: Tape | None = None) -> None:
        self._session = session
        self._tape = tape

    @property
    def timings(self) -> HopTimings:
        """Return what the newest hop cost."""
        return self._session.timings

    @property
    def guidance(self) -> float:
        """Return the guidance scale in use."""
        return self._session.in_use.guidance

    @property
    def nfe(self) -> int:
        """Return the head's evaluations per hop in use."""
        return self._session.in_use.nfe

    @property
    def seed(self) -> int:
        """Return the seed of the noise."""
        return self._session.seed

    @property
    def asked(self) -> SamplingSettings:
        """Return what was asked for."""
        return self._session.settings

    @property
    def is_relieved(self) -> bool:
        """Tell whether it goes without something that was asked for."""
        return self._session.in_use != self._session.settings

    def step(self, message: FrameMessage | None) -> Step:
        """Return the next hop's step, to be computed together with others and then kept.

        Args:
            message: The new frame, or None to see the last one again.

        Raises:
            ProtocolError: The frame cannot be decoded.
        """
        if message is None:
            return Step(self._session, None)
        return Step(self._session, decode(message), bool(message.header.flags & DISCONTINUITY))

    def keep(self, message: FrameMessage | None, audio: Audio) -> None:
        """Put a computed hop on the tape."""
        if self._tape is not None:
            self._tape.keep_hop(message, audio)

    def prepare(self) -> None:
        """Run what needs no frame of the next hop."""
        self._session.prepare()

    def hop(self, message: FrameMessage | None) -> Audio:
        """Compute one hop alone.

        Returns:
            float32 (1600, 2).

        Raises:
            ProtocolError: The frame cannot be decoded; nothing was computed.
        """
        (audio,) = step_together([self.step(message)])
        self.keep(message, audio)
        return audio

    def relieve(self, relief: Relief) -> None:
        """Go without something from the next hop on, or no longer."""
        self._session.relief = relief
        self._keep_in_use()

    def apply(self, control: Control) -> None:
        """Change what the engine knows of: guidance, evaluations, seed, reset.

        Raises:
            ProtocolError: The bundle does not allow a value; the others are set.
        """
        if self._tape is not None:
            self._tape.keep_control(control)
        try:
            self._set(control)
        except ConfigError as error:
            raise ProtocolError(
                BAD_HEADER, "a value that this bundle allows", str(error)[:500], "ask for less"
            ) from None
        finally:
            if control.reset:
                self._session.reset()
            if self.is_relieved:
                self._keep_in_use()

    def _keep_in_use(self) -> None:
        """Put what is really used on the tape, so that a replay does the same."""
        if self._tape is not None:
            self._tape.keep_control(Control(session=0, guidance=self.guidance, nfe=self.nfe))

    def _set(self, control: Control) -> None:
        if control.guidance is not None:
            self._session.guidance = control.guidance
        if control.seed is not None:
            self._session.seed = control.seed
        if control.nfe is not None:
            self._session.nfe = control.nfe

    def close(self) -> None:
        """Give the session's place back and finish the tape."""
        self._session.close()
        if self._tape is not None:
            self._tape.close()
