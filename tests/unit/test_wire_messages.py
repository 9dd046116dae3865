"""Control messages: what is packed comes back, and no bytes whatever crash the parser."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sr_bridge import messages
from sr_bridge.errors import BAD_HEADER, ProtocolError
from sr_bridge.messages import Control, Hello, Kind, Ping, Pong, Status, UnknownKind, decode, encode
from sr_bridge.schema import Counts, Flag, Integer, Names, Number, Rule, Text

from tests.unhurried import floats, unhurried

KINDS = [
    getattr(messages, name)
    for name in ("Hello", "Welcome", "Control", "Status", "Ping", "Pong", "Error", "Bye")
]


def values_of(rule: Rule) -> st.SearchStrategy[Any]:
    """Return values that obey ``rule``."""
    if isinstance(rule, Text):
        free = st.text(max_size=rule.longest)
        return st.sampled_from(rule.choices) if rule.choices else free
    if isinstance(rule, Integer):
        return st.integers(rule.low, rule.high)
    if isinstance(rule, Number):
        return floats(rule.low, rule.high)
    if isinstance(rule, Flag):
        return st.booleans()
    if isinstance(rule, Names):
        return st.lists(st.text(max_size=rule.longest), max_size=rule.most)
    assert isinstance(rule, Counts)
    return st.dictionaries(st.text(max_size=32), st.integers(0, 2**63 - 1), max_size=rule.most)


@st.composite
def any_message(draw: st.DrawFn) -> Any:
    kind = draw(st.sampled_from(KINDS))
    return kind(**{key: draw(values_of(rule)) for key, rule in kind.RULES.items()})


@unhurried
@given(any_message())
def test_every_message_comes_back_as_it_was_packed(message: Any) -> None:
    assert decode(encode(message)) == message


@unhurried
@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_refused_and_never_crash_the_parser(data: bytes) -> None:
    try:
        decode(data)
    except ProtocolError as error:
        assert error.code == BAD_HEADER
        assert len(str(error)) < 1500


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=8,
)


@unhurried
@given(st.sampled_from([int(kind.KIND) for kind in KINDS]), plain)
def test_well_formed_msgpack_of_any_shape_is_refused_or_read(kind: int, value: object) -> None:
    try:
        message = decode(bytes([kind]) + msgpack.packb(value))
    except ProtocolError as error:
        assert error.code == BAD_HEADER
    else:
        assert kind == message.KIND


@unhurried
@given(any_message(), st.data())
def test_a_message_with_flipped_bytes_is_refused_or_read(message: Any, data: st.DataObject) -> None:
    packed = bytearray(encode(message))
    for _ in range(data.draw(st.integers(1, 4))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    try:
        decode(packed)
    except ProtocolError as error:
        assert error.code == BAD_HEADER


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b"\x93\x01\x02\x03", "a list"),
        (b"\x81\xa7session\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", "NaN as session"),
        (b"\x81\xa7session\xc3", "true as session"),
        (b"\x81\xa7session\xff", "-1 as session"),
        (b"\x81\x01\x02", "a number as key"),
        (b"\xdf\xff\xff\xff\xff", "a map that announces 4 billion entries"),
        (b"\x81\xa7session\xc6\xff\xff\xff\xff", "4 GB of binary announced"),
        (b"\x81\xa7session\xd6\xff\x00\x00\x00\x00", "a timestamp"),
        (b"\x81\xa7session" + b"\x91" * 2000, "2000 nested lists"),
        (b"\x81\xa7session\x07\x00", "bytes after the map"),
        (b"\x81\xa7session\xd9\x02\xff\xfe", "a string that is not UTF-8"),
    ],
)
def test_hostile_maps_are_refused_as_bad_header(body: bytes, why: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(bytes([Kind.PING]) + body)
    assert caught.value.code == BAD_HEADER, why


def test_the_error_names_the_key_the_range_and_the_value() -> None:
    with pytest.raises(ProtocolError, match=r"gain: a number from 0 to 4, got 9\.0"):
        encode(Control(session=1, gain=9.0))


def test_a_control_message_over_16_kib_is_refused_unread() -> None:
    with pytest.raises(ProtocolError, match="at most 16384 bytes"):
        decode(bytes([Kind.HELLO]) + b"\x81\xa5token" + b"\x00" * 20_000)


def test_unknown_kinds_are_told_apart_from_broken_messages() -> None:
    with pytest.raises(UnknownKind):
        decode(b"\xc8\x80")


def test_unknown_keys_are_ignored_so_that_a_newer_peer_may_add_some() -> None:
    body = msgpack.packb({"session": 3, "t0_ns": 5, "colour": "blue"})
    assert decode(bytes([Kind.PING]) + body) == Ping(3, 5)


def test_a_status_request_is_a_status_with_only_a_session() -> None:
    assert decode(b"\x06\x81\xa7session\x07") == Status(7)


def test_absent_keys_of_control_mean_no_change() -> None:
    message = decode(encode(Control(session=1, mute=True)))
    assert message == Control(session=1, mute=True)
    assert message.gain is None


def test_hello_without_a_token_is_refused() -> None:
    with pytest.raises(ProtocolError, match="the key 'token'"):
        decode(bytes([Kind.HELLO]) + msgpack.packb({"mode": "live"}))
    assert decode(bytes([Kind.HELLO]) + msgpack.packb({"token": "x"})) == Hello("x")


@unhurried
@given(st.integers(-(10**15), 10**15), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_four_timestamps_give_the_clock_offset_to_half_the_asymmetry(
    offset: int, way_ns: int, stay_ns: int, back_ns: int
) -> None:
    t0 = 12_345
    t1 = t0 + way_ns + offset
    t2 = t1 + stay_ns
    t3 = t2 + back_ns - offset
    pong = Pong(1, t0, t1, t2)
    assert pong.delay_ns(t3) == way_ns + back_ns
    assert abs(pong.offset_ns(t3) - offset) <= abs(way_ns - back_ns) / 2 + 1
