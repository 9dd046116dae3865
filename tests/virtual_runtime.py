"""A whole runtime without sockets or waiting: real reception, scheduler and engine on a virtual clock.

A beat takes no time at all here, so that tests of what must happen in which order neither wait nor depend on
how busy the machine is. The sockets have tests of their own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
from sr_bridge import media
from sr_bridge.media import AudioMessage, FrameHeader, parse_audio
from sr_bridge.messages import Control, Error, Hello, Status, Welcome, decode, encode

from sr_runtime.audio import PlayerStats, Sink
from sr_runtime.engine import Engine
from sr_runtime.server.auth import Authenticator
from sr_runtime.server.hop_clock import HopClock
from sr_runtime.server.mailbox import Inbox, OpenSession, Outbox
from sr_runtime.server.mixing import Output
from sr_runtime.server.reception import Reception
from sr_runtime.server.scheduler import Scheduler
from sr_runtime.server.settings import ServerSettings
from sr_runtime.types import Audio

TOKEN = "0123456789abcdef"
HOP_NS = 1_000_000_000 // 30


class RecordingSink:
    """Keeps what is played."""

    def __init__(self) -> None:
        self.hops: list[Audio] = []
        self.beats: list[int | None] = []
        self.pauses = 0

    def start(self) -> PlayerStats:
        return self.stats()

    def write(self, hop: Audio, capture_ns: int = 0, hop_index: int | None = None) -> None:
        self.hops.append(hop.copy())
        self.beats.append(hop_index)

    def pause(self) -> None:
        self.pauses += 1

    def stats(self) -> PlayerStats:
        return PlayerStats(state="playing", device="memory", target_ms=83.0)

    def close(self) -> None:
        return


class Player:
    """One engine's connection to the virtual runtime, and what it has heard."""

    def __init__(self, runtime: VirtualRuntime, name: bytes, hello: Hello) -> None:
        self.runtime = runtime
        self.peer = (0, name)
        self.messages: list[Any] = []
        self.sounds: list[AudioMessage] = []
        self.seq = 0
        runtime.players[self.peer] = self
        self.send(encode(hello))
        runtime.work()

    def hear(self, data: bytes) -> None:
        if data[0] == media.KIND_AUDIO:
            self.sounds.append(parse_audio(data))
        else:
            self.messages.append(decode(data))

    def send(self, data: bytes) -> None:
        for answer in self.runtime.reception.receive(self.peer, data):
            self.hear(answer)

    def frame(self, level: int = 0, step: int = 0, size: int = 32, **header: int) -> None:
        """Send one picture of one grey level."""
        self.seq += 1
        body = np.full((size, size, 3), level, np.uint8).tobytes()
        fields: dict[str, int] = {
            "format": media.RGB8, "flags": 0, "session": self.session, "seq": self.seq,
            "capture_ns": self.runtime.now_ns, "width": size, "height": size,
            "payload_bytes": len(body), "step": step,
        }  # fmt: skip
        self.send(FrameHeader(**(fields | header)).pack() + body)

    def control(self, **changes: Any) -> None:
        self.send(encode(Control(self.session, **changes)))
        self.runtime.work()

    def only(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def session(self) -> int:
        return int(self.only(Welcome)[-1].session)

    @property
    def status(self) -> Status:
        status = self.runtime.scheduler.status(self.session)
        assert status is not None
        return status

    @property
    def errors(self) -> list[str]:
        return [error.code for error in self.only(Error)]

    @property
    def sound(self) -> Audio:
        """All sound heard so far, in one piece."""
        return np.concatenate([message.audio for message in self.sounds])


class VirtualRuntime:
    """The server's parts, driven by hand."""

    def __init__(
        self,
        engine: Engine,
        sink: Sink | None = None,
        open_tape: Callable[[OpenSession], Any] = lambda command: None,
        **settings: Any,
    ) -> None:
        self.now_ns = 50_000_000_000
        self.settings = ServerSettings(**({"max_live_sessions": 8} | settings))
        self.inbox, self.outbox = Inbox(), Outbox()
        self.reception = Reception(self.settings, Authenticator(TOKEN), self.inbox, lambda: self.now_ns)
        self.output = Output(sink)
        self.scheduler = Scheduler(self.settings, engine, self.output, self.outbox, open_tape)
        self.clock = HopClock(self.now_ns)
        self.players: dict[tuple[int, bytes], Player] = {}
        self.lost: dict[int, int] = defaultdict(int)

    def connect(self, name: str = "alice", **hello: Any) -> Player:
        return Player(self, name.encode(), Hello(**({"token": TOKEN} | hello)))

    def work(self) -> None:
        """Carry out what waits, without letting time pass."""
        while (command := self.inbox.get(0)) is not None:
            self.scheduler.handle(command)
        while self.scheduler.spend_spare_time(33.0):
            continue
        self.deliver()

    def deliver(self) -> None:
        while (item := self.outbox.take()) is not None:
            record = self.reception.sessions.by_id(item.session)
            if record is None:
                continue
            record.unanswered -= item.is_answer
            self.players[record.peer].hear(item.data)
            if item.ends:
                self.reception.sessions.remove(item.session)

    def beat(self, count: int = 1, late_ns: int = 0) -> None:
        """Let ``count`` beats of the hop clock pass."""
        for _ in range(count):
            self.now_ns = max(self.now_ns, self.clock.next_ns) + late_ns
            self.work()
            beat = self.clock.take(self.now_ns)
            assert beat is not None
            self.scheduler.tick(beat, self.now_ns)
            self.work()

    def stall(self, hops: float) -> None:
        """Let time pass in which nothing is computed."""
        self.now_ns += round(hops * HOP_NS)
