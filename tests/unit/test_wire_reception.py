"""The reception: whatever any peer sends, it answers, counts, and leaves other sessions alone."""

from __future__ import annotations

from collections.abc import Iterator

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sr_bridge import media
from sr_bridge.errors import ERROR_CODES
from sr_bridge.media import FrameHeader
from sr_bridge.messages import Bye, Control, Error, Hello, Kind, Ping, Pong, Status, decode, encode

from sr_runtime.server.auth import Authenticator
from sr_runtime.server.mailbox import (
    ApplyControl,
    AskStatus,
    CloseSession,
    Command,
    Inbox,
    OpenSession,
    StepFrame,
)
from sr_runtime.server.reception import Reception
from sr_runtime.server.settings import ServerSettings
from tests.unhurried import floats, unhurried

TOKEN = "0123456789abcdef"
ALICE, BOB = (0, b"alice"), (0, b"bob")


class Desk:
    """A reception with a virtual clock and a readable inbox."""

    def __init__(self, **changes: object) -> None:
        self.now_ns = 1_000_000_000
        self.inbox = Inbox()
        self.reception = Reception(
            ServerSettings(**changes),  # type: ignore[arg-type]
            Authenticator(TOKEN),
            self.inbox,
            lambda: self.now_ns,
        )

    def send(self, peer: tuple[int, bytes], data: bytes) -> list[object]:
        self.now_ns += 10_000_000
        return [decode(answer) for answer in self.reception.receive(peer, data)]

    def commands(self) -> Iterator[Command]:
        while (command := self.inbox.get(0)) is not None:
            yield command

    def open(self, peer: tuple[int, bytes], **hello: object) -> int:
        assert self.send(peer, encode(Hello(TOKEN, **hello))) == []  # type: ignore[arg-type]
        opened = [command for command in self.commands() if isinstance(command, OpenSession)]
        return opened[-1].session

    def error(self, peer: tuple[int, bytes], data: bytes) -> Error:
        (answer,) = self.send(peer, data)
        assert isinstance(answer, Error)
        return answer


def frame(session: int, seq: int = 1, step: int = 0, size: int = 32) -> bytes:
    head = FrameHeader(media.RGB8, 0, session, seq, 0, size, size, size * size * 3, step)
    return head.pack() + bytes(size * size * 3)


def test_a_right_token_opens_a_session_whose_token_goes_no_further() -> None:
    desk = Desk()
    assert desk.send(ALICE, encode(Hello(TOKEN, client="doom"))) == []
    (command,) = desk.commands()
    assert isinstance(command, OpenSession)
    assert command.hello.client == "doom"
    assert command.hello.token == ""


@pytest.mark.parametrize("token", ["", "x", TOKEN[:-1], TOKEN + "x", "\ud800", "é" * 16])
def test_a_wrong_token_is_refused_whatever_it_is(token: str) -> None:
    desk = Desk()
    body = msgpack.packb({"token": token}, unicode_errors="surrogatepass")
    answer = desk.error(ALICE, bytes([Kind.HELLO]) + body)
    assert answer.code in ("bad_token", "bad_header")
    assert answer.fatal
    assert list(desk.commands()) == []


def test_another_major_version_is_refused_with_both_numbers() -> None:
    answer = Desk().error(ALICE, encode(Hello(TOKEN, protocol=2, protocol_minor=7)))
    assert (answer.code, answer.expected, answer.got) == ("version_refused", "protocol 1.0", "2.7")
    assert answer.fatal


def test_another_minor_version_is_welcome() -> None:
    Desk().open(ALICE, protocol_minor=9)


def test_a_stranger_learns_of_the_token_before_the_version() -> None:
    assert Desk().error(ALICE, encode(Hello("wrong", protocol=9))).code == "bad_token"


def test_a_lockstep_hello_without_fps_is_refused() -> None:
    assert "fps" in Desk().error(ALICE, encode(Hello(TOKEN, mode="lockstep"))).expected


def test_one_session_more_than_allowed_is_refused_as_busy() -> None:
    desk = Desk(max_sessions=1)
    desk.open(ALICE)
    assert desk.error(BOB, encode(Hello(TOKEN))).code == "server_busy"


def test_a_second_hello_replaces_the_connections_session() -> None:
    desk = Desk()
    first = desk.open(ALICE)
    desk.send(ALICE, encode(Hello(TOKEN)))
    closed, opened = desk.commands()
    assert isinstance(closed, CloseSession) and closed.session == first
    assert isinstance(opened, OpenSession) and opened.session != first
    assert len(desk.reception.sessions) == 1


def test_only_the_newest_live_frame_is_kept() -> None:
    desk = Desk()
    session = desk.open(ALICE)
    for seq in (1, 2, 3):
        assert desk.send(ALICE, frame(session, seq)) == []
    record = desk.reception.sessions.by_id(session)
    assert record is not None
    assert [item.message.header.seq for item in record.slot] == [3]
    assert record.traffic.frames_received == 3


def test_a_session_id_of_another_connection_is_unknown() -> None:
    desk = Desk()
    session = desk.open(ALICE)
    desk.open(BOB)
    for data in (frame(session), encode(Control(session, mute=True)), encode(Bye(session))):
        answer = desk.error(BOB, data)
        assert answer.code == "unknown_session"
        assert not answer.fatal  # Bob's own session goes on
        desk.now_ns += 10**9
    assert len(desk.reception.sessions) == 2


def test_a_peer_without_session_hears_that_it_has_none() -> None:
    answer = Desk().error(BOB, frame(1))
    assert (answer.code, answer.fatal, answer.session) == ("unknown_session", True, 0)


def test_a_refused_frame_is_named_by_its_seq_and_the_session_goes_on() -> None:
    desk = Desk()
    session = desk.open(ALICE)
    answer = desk.error(ALICE, frame(session, seq=41)[:-1])
    assert (answer.code, answer.seq, answer.session, answer.fatal) == ("bad_size", 41, session, False)
    assert desk.send(ALICE, frame(session, seq=42)) == []


def test_a_flood_is_cut_to_the_allowed_rate_and_told_off_twice_a_second() -> None:
    desk = Desk(max_frame_hz=150.0)
    session = desk.open(ALICE)
    told = 0
    for seq in range(2000):  # 2 s at 1000 frames/s
        desk.now_ns += 1_000_000 - 10_000_000
        told += len(desk.send(ALICE, frame(session, seq)))
    record = desk.reception.sessions.by_id(session)
    assert record is not None
    assert 300 <= record.traffic.frames_received <= 340  # 150/s, and a burst of 37
    assert record.traffic.rejected["rate_limited"] == 2000 - record.traffic.frames_received
    assert 4 <= told <= 6


def test_control_messages_have_a_rate_of_their_own() -> None:
    desk = Desk(max_controls_hz=50.0)
    session = desk.open(ALICE)
    answers = []
    for _ in range(60):
        desk.now_ns -= 10_000_000
        answers += desk.send(ALICE, encode(Control(session, mute=True)))
    assert sum(isinstance(command, ApplyControl) for command in desk.commands()) == 50
    assert {answer.code for answer in answers if isinstance(answer, Error)} == {"rate_limited"}


def test_lockstep_steps_beyond_the_window_are_refused_and_none_is_lost() -> None:
    desk = Desk(lockstep_window=4)
    session = desk.open(ALICE, mode="lockstep", fps=30.0)
    answers = [desk.send(ALICE, frame(session, seq, step=seq)) for seq in range(1, 7)]
    queued = [command for command in desk.commands() if isinstance(command, StepFrame)]
    assert [command.frame.message.header.step for command in queued] == [1, 2, 3, 4]
    assert [len(answer) for answer in answers] == [0, 0, 0, 0, 1, 1]


def test_ping_is_answered_with_the_runtimes_clock() -> None:
    desk = Desk()
    session = desk.open(ALICE)
    (pong,) = desk.send(ALICE, encode(Ping(session, -5)))
    assert pong == Pong(session, -5, desk.now_ns, desk.now_ns)


def test_status_requests_reach_the_inference_thread() -> None:
    desk = Desk()
    session = desk.open(ALICE)
    desk.send(ALICE, encode(Status(session)))
    assert list(desk.commands()) == [AskStatus(session)]


def test_bye_ends_the_session() -> None:
    desk = Desk()
    session = desk.open(ALICE)
    desk.send(ALICE, encode(Bye(session, "done")))
    assert list(desk.commands()) == [CloseSession(session, "done")]
    assert len(desk.reception.sessions) == 0


def test_a_session_that_says_nothing_for_a_minute_is_found() -> None:
    desk = Desk(end_after_s=60.0)
    desk.open(ALICE)
    assert desk.reception.silent_sessions() == []
    desk.now_ns += 61 * 10**9
    assert [record.peer for record in desk.reception.silent_sessions()] == [ALICE]


def test_unknown_kinds_are_counted_and_ignored() -> None:
    desk = Desk()
    assert desk.send(ALICE, b"\xee") == [] and desk.send(ALICE, b"") == []
    assert desk.reception.counts.unknown_kinds == 2


hostile = st.one_of(
    st.binary(max_size=120),
    st.builds(lambda kind, body: bytes([kind]) + body, st.integers(0, 12), st.binary(max_size=80)),
    st.builds(
        lambda kind, values: bytes([kind]) + msgpack.packb(values),
        st.integers(3, 10),
        st.dictionaries(
            st.sampled_from(["session", "token", "gain", "fps", "mode", "protocol", "reset", "t0_ns", "nfe"]),
            st.one_of(st.integers(-(2**63), 2**64 - 1), floats(), st.text(max_size=8), st.booleans()),
        ),
    ),
    st.builds(
        lambda kind, w, h, size, tail: FrameHeader(kind, 0, 1, 1, 0, w, h, size).pack() + tail,
        st.integers(0, 255), st.integers(0, 65_535), st.integers(0, 65_535), st.integers(0, 2**32 - 1),
        st.binary(max_size=64),
    ),
)  # fmt: skip


@unhurried
@given(st.lists(hostile, max_size=20))
def test_hostile_content_from_one_peer_never_disturbs_another(attack: list[bytes]) -> None:
    desk = Desk()
    session = desk.open(ALICE)
    for seq, data in enumerate(attack, 1):
        for answer in desk.send(BOB, data):
            assert isinstance(answer, Error) and answer.code in ERROR_CODES
        assert desk.send(ALICE, frame(session, seq)) == []
    record = desk.reception.sessions.by_id(session)
    assert record is not None
    assert record.traffic.frames_received == len(attack)
    assert record.traffic.rejected == {}
