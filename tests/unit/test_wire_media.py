"""Frames and sound: forty bytes of header, checked before anything is believed."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sr_bridge import media
from sr_bridge.errors import (
    BAD_HEADER,
    BAD_SIZE,
    ERROR_CODES,
    FRAME_TOO_LARGE,
    UNSUPPORTED_FORMAT,
    ProtocolError,
)
from sr_bridge.media import AudioHeader, FrameHeader, pack_audio, parse_audio, parse_frame

from tests.unhurried import unhurried

U16, U32, U64, I64 = (
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**64 - 1),
    st.integers(-(2**63), 2**63 - 1),
)


def frame(**changes: int) -> bytes:
    fields = {
        "format": media.RGB8, "flags": 0, "session": 1, "seq": 1, "capture_ns": 0,
        "width": 20, "height": 16, "payload_bytes": 960, "step": 0,
    } | changes  # fmt: skip
    return FrameHeader(**fields).pack() + bytes(960)


@unhurried
@given(st.integers(0, 65_535), U32, U64, I64, st.integers(16, 64), st.integers(16, 48), U64, st.booleans())
def test_frames_come_back_as_they_were_packed(
    flags: int, session: int, seq: int, capture: int, width: int, height: int, step: int, alpha: bool
) -> None:
    depth = 4 if alpha else 3
    size = width * height * depth
    header = FrameHeader(2 if alpha else 1, flags, session, seq, capture, width, height, size, step)
    pixels = np.random.default_rng(seq).integers(0, 256, (height, width, depth), np.uint8)
    message = parse_frame(header.pack() + pixels.tobytes())
    assert message.header == header
    expected = pixels[::-1] if flags & media.BOTTOM_UP else pixels
    np.testing.assert_array_equal(message.pixels(), expected[..., :3])


@unhurried
@given(U16, U32, U64, I64, st.integers(0, 200), U32, U64, st.sampled_from([1, 2]))
def test_sound_comes_back_as_it_was_packed(
    flags: int, session: int, hop: int, capture: int, samples: int, age: int, seq: int, kind: int
) -> None:
    header = AudioHeader(kind, flags, session, hop, capture, samples, age, seq)
    audio = np.random.default_rng(hop).uniform(-1, 1, (samples, 2)).astype(np.float32)
    message = parse_audio(pack_audio(header, audio))
    assert message.header == header
    # int16 rounds to the nearest of 32767 steps.
    np.testing.assert_allclose(message.audio, audio, rtol=0, atol=0 if kind == 1 else 0.5 / 32767 + 1e-7)


@unhurried
@given(st.binary(max_size=200), st.booleans())
def test_arbitrary_bytes_are_refused_with_a_code_of_the_protocol(data: bytes, has_kind: bool) -> None:
    for parse, kind in ((parse_frame, b"\x01"), (parse_audio, b"\x02")):
        try:
            parse(kind + data if has_kind else data)
        except ProtocolError as error:
            assert error.code in ERROR_CODES


@unhurried
@given(st.integers(0, 255), U16, st.integers(0, 2000), st.integers(0, 2000), U32)
def test_a_header_that_lies_about_its_size_is_refused(
    kind: int, flags: int, width: int, height: int, size: int
) -> None:
    data = struct.pack("<BBHIQqHHIQ", 1, kind, flags, 1, 1, 0, width, height, size, 0) + bytes(960)
    is_true = size == 960 and (
        kind == media.JPEG or (kind == 1 and width * height == 320) or (kind == 2 and width * height == 240)
    )
    try:
        parse_frame(data)
    except ProtocolError as error:
        assert error.code in (BAD_SIZE, FRAME_TOO_LARGE, UNSUPPORTED_FORMAT)
    else:
        assert is_true
        assert 16 <= width <= 1280 and 16 <= height <= 720


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x01", BAD_HEADER),
        (frame()[:39], BAD_HEADER),
        (frame(format=0), UNSUPPORTED_FORMAT),
        (frame(format=77), UNSUPPORTED_FORMAT),
        (frame(width=1281), FRAME_TOO_LARGE),
        (frame(height=721), FRAME_TOO_LARGE),
        (frame(width=15), BAD_SIZE),
        (frame(payload_bytes=961), BAD_SIZE),
        (frame(width=21), BAD_SIZE),
        (frame() + b"x", BAD_SIZE),
        (frame(format=media.JPEG)[:40], BAD_SIZE),
        (frame() + bytes(4 << 20), FRAME_TOO_LARGE),
    ],
)
def test_each_broken_frame_has_its_code(data: bytes, code: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_frame(data)
    assert caught.value.code == code
    assert caught.value.expected and caught.value.got and caught.value.fix


def test_the_largest_allowed_picture_fits_with_alpha() -> None:
    size = 1280 * 720 * 4
    header = FrameHeader(media.RGBA8, 0, 1, 1, 0, 1280, 720, size)
    assert parse_frame(header.pack() + bytes(size)).pixels().shape == (720, 1280, 3)


def test_headers_have_forty_bytes() -> None:
    assert len(FrameHeader(1, 0, 1, 1, 0, 16, 16, 1).pack()) == media.HEADER_BYTES == 40
    assert len(AudioHeader(1, 0, 1, 1, 0, 16, 16, 1).pack()) == media.HEADER_BYTES
