"""A lockstep session: every step of a simulator gets exactly its samples, however long that takes.

    step       1     2     3     4 …            fps 20: 2400 samples a step
    total    2400  4800  7200  9600             floor(48000·i/fps + 0.5)
    hops     0 1    2    3 4    5               hop k in the first step whose total exceeds 1600k

Nothing is dropped: frames and control messages wait in order, and the client may have ``window`` steps
unanswered. Thread: inference.
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from sr_bridge.errors import BAD_HEADER, ProtocolError
from sr_bridge.media import FLOAT32, INT16, AudioHeader, pack_audio
from sr_bridge.messages import Control, Hello

from sr_runtime.server.sessions import ReceivedFrame, Traffic
from sr_runtime.server.stream import SoundStream
from sr_runtime.types import HOP_SAMPLES, SAMPLE_RATE, Audio


def total_samples(step: int, fps: float) -> int:
    """Return how many samples have been delivered after ``step`` (1-based) at ``fps`` steps per second.

    Example:
        >>> [total_samples(step, 35) for step in (1, 2, 3)]
        [1371, 2743, 4114]
    """
    return math.floor(SAMPLE_RATE * step / fps + 0.5)


class StepBuffer:
    """Counts hops and samples of a lockstep session.

    Args:
        fps: Steps per second, 1 to 240.
    """

    def __init__(self, fps: float) -> None:
        self.fps = fps
        self.reset()

    def reset(self) -> None:
        """Start again at step 1."""
        self.step = 0
        self.hops = 0
        self.delivered = 0
        self._surplus: list[Audio] = []

    @property
    def needs_hop(self) -> bool:
        """Tell whether the step after the present one needs one more hop."""
        return self.hops * HOP_SAMPLES < total_samples(self.step + 1, self.fps)

    def add(self, audio: Audio) -> None:
        """Add one hop's sound, float32 (1600, 2)."""
        self._surplus.append(audio)
        self.hops += 1

    def take(self) -> Audio:
        """Finish the step and return its sound, float32 (samples, 2); the surplus waits."""
        self.step += 1
        count = total_samples(self.step, self.fps) - self.delivered
        sound: Audio = np.concatenate(self._surplus)
        self._surplus = [sound[count:]]
        self.delivered += count
        return sound[:count]


class LockstepSession:
    """One lockstep session.

    Args:
        session: Its id.
        hello: What it asked for.
        traffic: The I/O thread's counters.
        stream: Its sound.
    """

    def __init__(self, session: int, hello: Hello, traffic: Traffic, stream: SoundStream) -> None:
        self.id = session
        self.play = hello.play
        self.stream = stream
        self.traffic = traffic
        self.frames_used = 0
        self.buffer = StepBuffer(hello.fps)
        self._format = FLOAT32 if hello.audio == "float32" else INT16
        self._waiting: deque[ReceivedFrame | Control] = deque()
        self._is_frame_fresh = True

    def put(self, item: ReceivedFrame | Control) -> None:
        """Queue a frame or a control message, in the order of arrival."""
        self._waiting.append(item)

    @property
    def has_work(self) -> bool:
        """Tell whether something waits."""
        return bool(self._waiting)

    @property
    def front_seq(self) -> int | None:
        """Return the seq of the frame that is worked on; None if it is a control message."""
        front = self._waiting[0]
        return None if isinstance(front, Control) else front.message.header.seq

    def advance(self) -> bytes | None:
        """Do the least piece of work: one control message, or one hop of the present step.

        Returns:
            The audio message if that completed the step.

        Raises:
            ProtocolError: The frame is refused (wrong step, cannot be decoded) and forgotten; the step
                remains to be done. Or the bundle does not allow a value.
        """
        item = self._waiting[0]
        if isinstance(item, Control):
            self._waiting.popleft()
            self._apply(item)
            return None
        try:
            return self._advance_step(item)
        except ProtocolError:
            self._forget_front()
            raise

    def _advance_step(self, frame: ReceivedFrame) -> bytes | None:
        head = frame.message.header
        if head.step != self.buffer.step + 1:
            raise ProtocolError(
                BAD_HEADER,
                f"lockstep step {self.buffer.step + 1}",
                str(head.step),
                "count steps from 1; reset starts again at 1",
            )
        if self.buffer.needs_hop:
            self.buffer.add(self.stream.hop(frame.message if self._is_frame_fresh else None))
            self.frames_used += self._is_frame_fresh
            self._is_frame_fresh = False
        if self.buffer.needs_hop:
            return None
        self._forget_front()
        return self._pack(frame)

    def _forget_front(self) -> None:
        self._waiting.popleft()
        self._is_frame_fresh = True

    def _apply(self, control: Control) -> None:
        if control.play is not None:
            self.play = control.play
        if control.reset:
            self.buffer.reset()
        self.stream.apply(control)

    def _pack(self, frame: ReceivedFrame) -> bytes:
        first_hop = self.buffer.delivered // HOP_SAMPLES
        sound = self.buffer.take()
        head = frame.message.header
        header = AudioHeader(self._format, 0, self.id, first_hop, head.capture_ns, len(sound), 0, head.seq)
        return pack_audio(header, sound)
