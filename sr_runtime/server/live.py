"""A live session: the newest frame at every beat of the hop clock, whatever the source does.

    waiting ──first frame──► running ◄──────► paused (control)
                                ▲ └──10 s without a frame──► idle
                                └────────next frame───────────┘

Thread: inference.
"""

from __future__ import annotations

from dataclasses import dataclass

from sr_bridge.errors import ProtocolError
from sr_bridge.media import (
    DEGRADED,
    FADE_IN,
    FLOAT32,
    INT16,
    REPEATED_FRAME,
    AudioHeader,
    FrameMessage,
    pack_audio,
)
from sr_bridge.messages import PLAY_BOTH, PLAY_ENGINE, PLAY_RUNTIME, Control, Hello

from sr_runtime.audio.fades import fade_in
from sr_runtime.engine.session import Step
from sr_runtime.server.capture_clock import CaptureClock
from sr_runtime.server.hop_clock import Beat
from sr_runtime.server.sessions import ReceivedFrame, Slot, Traffic
from sr_runtime.server.stream import SoundStream
from sr_runtime.server.windows import Window
from sr_runtime.types import HOP_HZ, HOP_SAMPLES, Audio

LATE_NS = 1_000_000_000 // HOP_HZ // 2
"""A hop that starts half a hop late is marked degraded."""
MAX_U32 = 2**32 - 1


@dataclass(frozen=True, slots=True)
class LiveHop:
    """One hop's sound and when the newest frame in it was captured, on the runtime's clock."""

    audio: Audio
    message: bytes | None
    capture_ns: int


class LiveSession:
    """One live session.

    Args:
        session: Its id.
        hello: What it asked for.
        slot: Where its newest frame waits.
        traffic: The I/O thread's counters.
        stream: Its sound.
        idle_after_s: Time without a frame after which nothing is computed.
    """

    def __init__(
        self,
        session: int,
        hello: Hello,
        slot: Slot,
        traffic: Traffic,
        stream: SoundStream,
        idle_after_s: float,
    ) -> None:
        self.id = session
        self.stream = stream
        self.traffic = traffic
        self.play = hello.play
        self.gain = 1.0
        self.is_muted = False
        self.is_paused = False
        self.is_degraded = False
        self.frames_used = 0
        self.hops = 0
        self.hops_repeated = 0
        self.hops_skipped = 0
        self.ages_ms = Window()
        self._format = FLOAT32 if hello.audio == "float32" else INT16
        self._slot = slot
        self._idle_after_ns = round(idle_after_s * 1e9)
        self._clock = CaptureClock()
        self._newest: ReceivedFrame | None = None
        self._capture_ns = 0
        self._first_beat: int | None = None
        self._has_gap = True
        self._message: FrameMessage | None = None
        self.refusal: tuple[ProtocolError, int] | None = None

    @property
    def state(self) -> str:
        """Return the word for what the session is doing."""
        if self.is_paused:
            return "paused"
        if self._newest is None:
            return "waiting"
        return "idle" if self._has_gap and self._first_beat is not None else "running"

    @property
    def is_heard_here(self) -> bool:
        """Tell whether the runtime's own output plays this session."""
        return self.play in (PLAY_RUNTIME, PLAY_BOTH)

    def apply(self, control: Control) -> None:
        """Change settings.

        Raises:
            ProtocolError: The bundle does not allow a value.
        """
        if control.play is not None:
            self.play = control.play
        if control.gain is not None:
            self.gain = control.gain
        if control.mute is not None:
            self.is_muted = control.mute
        if control.pause is not None:
            self.is_paused = control.pause
        if control.reset:
            self._has_gap = True
        self.stream.apply(control)

    def due(self, beat: Beat, now_ns: int) -> Step | None:
        """Return this beat's step, from a new frame if there is a usable one; None if it is silent."""
        if beat.skipped and not self._has_gap:
            self.hops_skipped += beat.skipped
            self._has_gap = True
        step = None if self.is_paused else self._next_step(now_ns)
        if step is None:
            self._has_gap = True
        return step

    def _next_step(self, now_ns: int) -> Step | None:
        frame = self._slot.pop() if self._slot else None
        self._message = None
        if frame is not None:
            try:
                return self._see(frame)
            except ProtocolError as error:
                self.refusal = (error, frame.message.header.seq)
        if self._newest is None or now_ns - self._newest.received_ns > self._idle_after_ns:
            return None
        return self.stream.step(None)

    def _see(self, frame: ReceivedFrame) -> Step:
        step = self.stream.step(frame.message)
        self._newest, self._message = frame, frame.message
        self._capture_ns = self._clock.to_ours(frame.message.header.capture_ns, frame.received_ns)
        self.frames_used += 1
        return step

    def finish(self, audio: Audio, beat: Beat, now_ns: int) -> LiveHop:
        """Return the computed hop's sound, with the message for the engine if it plays it."""
        self.stream.keep(self._message, audio)
        is_new = self._message is not None
        assert self._newest is not None
        if self._first_beat is None:
            self._first_beat = beat.index
        self.is_degraded = beat.late_ns > LATE_NS
        flags = FADE_IN * self._has_gap | REPEATED_FRAME * (not is_new) | DEGRADED * self.is_degraded
        if self._has_gap:
            audio = fade_in(audio)
            self._has_gap = False
        self.hops += 1
        self.hops_repeated += not is_new
        age_ns = now_ns - self._capture_ns
        self.ages_ms.add(age_ns / 1e6)
        return LiveHop(audio, self._pack(audio, flags, beat, age_ns), self._capture_ns)

    def _pack(self, audio: Audio, flags: int, beat: Beat, age_ns: int) -> bytes | None:
        if self.play not in (PLAY_ENGINE, PLAY_BOTH) or self._newest is None:
            return None
        head = self._newest.message.header
        header = AudioHeader(
            format=self._format,
            flags=flags,
            session=self.id,
            hop=beat.index - (self._first_beat or 0),
            capture_ns=head.capture_ns,
            samples=HOP_SAMPLES,
            age_us=min(MAX_U32, max(0, age_ns // 1000)),
            seq=head.seq,
        )
        return pack_audio(header, audio)
