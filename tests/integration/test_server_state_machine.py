"""Hello, frames, controls, garbage and bye in any order, live and lockstep: a good session never notices."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sr_bridge.messages import Bye, Error, Status, Welcome, encode

from sr_runtime.engine import Engine
from tests.unhurried import floats
from tests.virtual_runtime import Player, RecordingSink, VirtualRuntime

ENGINE = Engine("probe")


class WireMachine(RuleBasedStateMachine):
    """One good live player, and up to three that do anything at all."""

    @initialize()
    def start(self) -> None:
        self.sink = RecordingSink()
        self.runtime = VirtualRuntime(ENGINE, self.sink, idle_after_s=0.2)
        self.good = self.runtime.connect("good", play="both")
        self.beats = 0
        self.others: list[Player] = []

    @rule(count=st.integers(1, 4))
    def beat(self, count: int) -> None:
        for _ in range(count):
            self.good.frame(level=10)
            self.runtime.beat()
        self.beats += count

    @precondition(lambda self: len(self.others) < 3)
    @rule(
        mode=st.sampled_from(["live", "lockstep"]),
        fps=st.sampled_from([0.0, 1.0, 24.0, 240.0]),
        play=st.sampled_from(["engine", "runtime", "both"]),
        token=st.sampled_from(["0123456789abcdef", "wrong"]),
    )
    def hello(self, **wish: Any) -> None:
        self.others.append(self.runtime.connect(f"peer {len(self.runtime.players)}", **wish))

    @precondition(lambda self: self.others)
    @rule(data=st.data(), size=st.sampled_from([16, 31, 64]), step=st.integers(0, 3), form=st.integers(0, 4))
    def frame(self, data: st.DataObject, size: int, step: int, form: int) -> None:
        player = data.draw(st.sampled_from(self.others))
        if player.only(Welcome):
            player.frame(level=99, size=size, step=step, format=form)

    @precondition(lambda self: self.others)
    @rule(
        data=st.data(),
        changes=st.fixed_dictionaries(
            {},
            optional={
                "guidance": floats(0, 10), "nfe": st.integers(1, 64), "gain": floats(0, 4),
                "mute": st.booleans(), "pause": st.booleans(), "reset": st.booleans(),
                "seed": st.integers(0, 2**63 - 1), "play": st.sampled_from(["engine", "runtime", "both"]),
            },
        ),
    )  # fmt: skip
    def control(self, data: st.DataObject, changes: dict[str, Any]) -> None:
        player = data.draw(st.sampled_from(self.others))
        if player.only(Welcome):
            player.control(**changes)

    @precondition(lambda self: self.others)
    @rule(data=st.data(), garbage=st.binary(max_size=60))
    def garbage(self, data: st.DataObject, garbage: bytes) -> None:
        data.draw(st.sampled_from(self.others)).send(garbage)

    @precondition(lambda self: self.others)
    @rule(data=st.data())
    def bye(self, data: st.DataObject) -> None:
        player = self.others.pop(data.draw(st.integers(0, len(self.others) - 1)))
        if player.only(Welcome):
            player.send(encode(Status(player.session)))
            player.send(encode(Bye(player.session)))
        self.runtime.work()

    @invariant()
    def the_good_session_misses_nothing(self) -> None:
        if not hasattr(self, "good"):
            return
        assert len(self.good.sounds) == self.beats == len(self.sink.hops)
        assert [sound.header.hop for sound in self.good.sounds] == list(range(self.beats))
        assert self.good.errors == []

    @invariant()
    def nothing_failed_inside(self) -> None:
        for player in [*getattr(self, "others", []), *([self.good] if hasattr(self, "good") else [])]:
            assert "internal" not in [error.code for error in player.only(Error)]


@pytest.mark.timeout(600)
class TestWireMachine(WireMachine.TestCase):  # type: ignore[name-defined, misc]
    settings = settings(
        deadline=None, max_examples=12, stateful_step_count=25, suppress_health_check=list(HealthCheck)
    )
