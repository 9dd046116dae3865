"""Decides what the inference thread computes next: live hops at their beat, then what needs no frame, then
lockstep steps in the time that is left.

    beat ──► hops of all live sessions ──► mix ──► what needs no frame ──► lockstep hops until the next beat

Live sessions are computed together. One that fails is ended, the others go on; when beats take too long, all
go without something. Thread: inference.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sr_bridge import errors
from sr_bridge.errors import ProtocolError
from sr_bridge.messages import LOCKSTEP, Control, Error, Status, Welcome, encode

from sr_runtime.engine.session import Engine, Session, Step, prepare_together, step_together
from sr_runtime.engine.timings import HopTimings, Stopwatch
from sr_runtime.server.admission import Admission
from sr_runtime.server.greeting import welcome
from sr_runtime.server.hop_clock import Beat
from sr_runtime.server.live import LiveHop, LiveSession
from sr_runtime.server.lockstep import LockstepSession
from sr_runtime.server.mailbox import (
    ApplyControl,
    AskStatus,
    CloseSession,
    Command,
    OpenSession,
    Outbox,
    Outgoing,
    StepFrame,
)
from sr_runtime.server.mixing import Output
from sr_runtime.server.relief import ReliefLadder
from sr_runtime.server.settings import ServerSettings
from sr_runtime.server.stream import SoundStream, Tape
from sr_runtime.server.telemetry import HopMeter, live_status, lockstep_status
from sr_runtime.types import Audio

log = logging.getLogger(__name__)

STARVED_BEATS = 3
"""A lockstep session gets at least one hop in three beats, even if live sessions fill the time."""

T = TypeVar("T")
OpenTape = Callable[[OpenSession], Tape | None]


class Scheduler:
    """All sessions' sound.

    Args:
        settings: Limits.
        engine: Loaded and warm.
        output: The runtime's own sound.
        outbox: Where messages for engines go.
        open_tape: Makes the tape of a captured session.
        on_hop: Told the times of every live hop.
    """

    def __init__(
        self,
        settings: ServerSettings,
        engine: Engine,
        output: Output,
        outbox: Outbox,
        open_tape: OpenTape = lambda command: None,
        on_hop: Callable[[HopTimings], None] = lambda timings: None,
    ) -> None:
        self.meter = HopMeter()
        self.admission = Admission(settings)
        self.ladder = ReliefLadder()
        self._settings = settings
        self._engine = engine
        self._output = output
        self._outbox = outbox
        self._open_tape = open_tape
        self._on_hop = on_hop
        self._live: dict[int, LiveSession] = {}
        self._lockstep: dict[int, LockstepSession] = {}
        self._starved_beats = 0
        self._turn = 0

    def __len__(self) -> int:
        return len(self._live) + len(self._lockstep)

    # -- commands ------------------------------------------------------------------------------------

    def handle(self, command: Command) -> None:
        """Carry out one command of the I/O thread."""
        if isinstance(command, OpenSession):
            self._guard(command.session, partial(self._open, command))
        elif isinstance(command, CloseSession):
            self._close(command.session)
        elif isinstance(command, ApplyControl):
            self._guard(command.control.session, partial(self._apply, command.control))
        elif isinstance(command, StepFrame) and command.session in self._lockstep:
            self._lockstep[command.session].put(command.frame)
        elif isinstance(command, AskStatus):
            self._send_status(command.session)

    def _open(self, command: OpenSession) -> None:
        live, lockstep = len(self._live), len(self._lockstep)
        busy = self.admission.judge(command.hello, live, lockstep, self.ladder.is_at_the_end)
        if busy is not None:
            self._end(command.session, busy)
            return
        is_live = command.hello.mode != LOCKSTEP
        session = self._engine.open_session(seed=command.hello.seed, shared=is_live)
        try:
            stream = SoundStream(session, self._open_tape(command))
        except Exception:
            session.close()
            raise
        if not is_live:
            self._lockstep[command.session] = LockstepSession(
                command.session, command.hello, command.traffic, stream
            )
        else:
            self._live[command.session] = LiveSession(
                command.session,
                command.hello,
                command.slot,
                command.traffic,
                stream,
                self._settings.idle_after_s,
            )
            stream.relieve(self.ladder.relief)
            self._output.add(command.session)
        log.info("session %08x opened: %s of %s", command.session, command.hello.mode, command.hello.client)
        self._send(command.session, encode(self._welcome(command)))

    def _welcome(self, command: OpenSession) -> Welcome:
        return welcome(command, self._engine.bundle, self._settings, self._output.stats())

    def _close(self, session: int) -> None:
        closed = self._live.pop(session, None) or self._lockstep.pop(session, None)
        if closed is None:
            return
        self._output.remove(session)
        closed.stream.close()
        log.info("session %08x closed", session)

    def _apply(self, control: Control) -> None:
        lockstep = self._lockstep.get(control.session)
        if lockstep is not None:
            lockstep.put(control)
            return
        live = self._live.get(control.session)
        if live is None:
            return
        try:
            live.apply(control)
        except ProtocolError as error:
            self._tell(control.session, error)
        self._output.follow(live)
        self._send_status(control.session)

    def close(self) -> None:
        """Close every session."""
        for session in [*self._live, *self._lockstep]:
            self._close(session)

    # -- computing -----------------------------------------------------------------------------------

    def tick(self, beat: Beat, now_ns: int) -> None:
        """Compute one beat: a hop of every live session, the mix, and what needs no frame of the next."""
        watch = Stopwatch()
        self._note_starving()
        steps = {session.id: self._due(session, beat, now_ns) for session in list(self._live.values())}
        due = {session: step for session, step in steps.items() if step is not None}
        heard: dict[int, LiveHop] = {}
        for session_id, audio in self._sounds(due).items():
            session = self._live[session_id]
            hop = self._guard(session_id, partial(self._finish, session, audio, beat, now_ns))
            if hop is not None and session.is_heard_here:
                heard[session_id] = hop
        self._output.play(heard, beat.index)
        self._prepare([due[session].session for session in due if session in self._live])
        self._note_load(len(due), watch.lap())

    def _due(self, session: LiveSession, beat: Beat, now_ns: int) -> Step | None:
        """Return what a session wants computed; tell it of a frame that was refused."""
        step = self._guard(session.id, partial(session.due, beat, now_ns))
        if session.refusal is not None:
            error, seq = session.refusal
            session.refusal = None
            self._tell(session.id, error, seq)
        return step

    def _sounds(self, due: dict[int, Step]) -> dict[int, Audio]:
        """Compute the hops of all sessions together; if that fails, one by one, to end the one at fault.

        What failed has left no trace in any session.
        """
        try:
            return dict(zip(due, step_together(list(due.values())), strict=True))
        except Exception:
            log.exception("computing %d sessions together failed; trying one by one", len(due))
        found = {
            session: self._guard(session, partial(step_together, [step])) for session, step in due.items()
        }
        return {session: sounds[0] for session, sounds in found.items() if sounds is not None}

    def _finish(self, session: LiveSession, audio: Audio, beat: Beat, now_ns: int) -> LiveHop:
        hop = session.finish(audio, beat, now_ns)
        self.meter.add(session.stream.timings)
        self._on_hop(session.stream.timings)
        if hop.message is not None:
            self._send(session.id, hop.message)
        return hop

    def _prepare(self, sessions: list[Session]) -> None:
        try:
            prepare_together(sessions)
        except Exception:
            # The next hop tries again, and finds out whose fault it is.
            log.exception("what needs no frame could not be computed")

    def _note_load(self, computed: int, busy_ms: float) -> None:
        """Keep the books of the computing time, and give or take what it allows."""
        if not self._live:
            self.ladder = ReliefLadder()
            return
        if computed and self.ladder.takes_nothing:
            self.admission.note(computed, busy_ms)
        asked = [session.stream.asked for session in self._live.values()]
        if not self.ladder.note(busy_ms, asked):
            return
        relief = self.ladder.relief
        log.warning("%d sessions in %.0f ms of a beat: now with %s", len(self._live), busy_ms, relief)
        for session in self._live.values():
            session.stream.relieve(relief)
        self.send_all_status()

    @property
    def has_spare_work(self) -> bool:
        """Tell whether a lockstep session waits for a hop."""
        return any(session.has_work for session in self._lockstep.values())

    def spend_spare_time(self, spare_ms: float) -> bool:
        """Do one piece of lockstep work, of the session whose turn it is, if it fits before the next beat.

        Args:
            spare_ms: Time until the next beat is due.

        Returns:
            Whether something was done.
        """
        ready = [session for session in self._lockstep.values() if session.has_work]
        lone_ms = self.admission.lone_ms or self.meter.hop_ms.percentile(90)
        is_fitting = spare_ms > lone_ms or not self._live
        if not ready or not (is_fitting or self._starved_beats >= STARVED_BEATS):
            return False
        self._starved_beats = 0
        self._turn += 1
        session = ready[self._turn % len(ready)]
        self._guard(session.id, partial(self._advance, session))
        return True

    def _note_starving(self) -> None:
        """Count a beat that passed while lockstep work waited."""
        self._starved_beats = self._starved_beats + 1 if self.has_spare_work else 0

    def _advance(self, session: LockstepSession) -> None:
        seq = session.front_seq
        try:
            answer = session.advance()
        except ProtocolError as error:
            self._tell(session.id, error, seq or 0, is_answer=seq is not None)
        else:
            if answer is not None:
                self._send(session.id, answer, is_answer=True)
        if seq is None:
            self._send_status(session.id)

    # -- messages ------------------------------------------------------------------------------------

    def statuses(self) -> tuple[Status, ...]:
        """Return the status of every session."""
        found = (self.status(session) for session in [*self._live, *self._lockstep])
        return tuple(status for status in found if status is not None)

    def send_all_status(self) -> None:
        """Send every session its status."""
        for session in [*self._live, *self._lockstep]:
            self._send_status(session)

    def _send_status(self, session: int) -> None:
        status = self.status(session)
        if status is not None:
            self._send(session, encode(status))

    def status(self, session: int) -> Status | None:
        """Return a session's status, or None if there is no such session."""
        live, lockstep = self._live.get(session), self._lockstep.get(session)
        if live is not None:
            return live_status(live, len(self), self.meter, self._output.stats())
        return None if lockstep is None else lockstep_status(lockstep, len(self), self.meter)

    def _send(self, session: int, data: bytes, is_answer: bool = False) -> None:
        self._outbox.put(Outgoing(session, data, is_answer))

    def _tell(self, session: int, error: ProtocolError, seq: int = 0, is_answer: bool = False) -> None:
        told = Error(error.code, error.expected, error.got, error.fix, session, seq)
        found = self._live.get(session) or self._lockstep.get(session)
        if found is not None:
            found.traffic.reject(error.code)
        self._send(session, encode(told), is_answer)

    def _end(self, session: int, error: Error) -> None:
        self._close(session)
        self._outbox.put(Outgoing(session, encode(error), ends=True))

    def _guard(self, session: int, work: Callable[[], T]) -> T | None:
        """Do a session's work; if it fails, end that session and no other."""
        try:
            return work()
        except Exception as failure:
            log.exception("session %08x failed", session)
            self._end(
                session,
                Error(
                    errors.INTERNAL, "a hop of sound", f"{type(failure).__name__}", "see the runtime's log",
                    session, fatal=True,
                ),
            )  # fmt: skip
            return None
