"""From a frame message to a picture: raw rows as they are, JPEG only after its header was checked.

A JPEG of 4.7 MB can declare 20000×20000 pixels, 400 MB when decoded; its header tells in microseconds.
Called at the start of a hop, for the one frame that is used. Thread: inference.
"""

from __future__ import annotations

import numpy as np
import simplejpeg
from sr_bridge.errors import BAD_SIZE, UNSUPPORTED_FORMAT, ProtocolError
from sr_bridge.media import BOTTOM_UP, JPEG, FrameMessage, check_picture_size

from sr_runtime.types import Frame


def decode(message: FrameMessage) -> Frame:
    """Return the picture, uint8 (height, width, 3), top row first.

    Raises:
        ProtocolError: A JPEG is damaged, or not of the size that the frame's header says.
    """
    if message.header.format != JPEG:
        return np.ascontiguousarray(message.pixels())
    picture = _decode_jpeg(message)
    return np.ascontiguousarray(picture[::-1]) if message.header.flags & BOTTOM_UP else picture


def _decode_jpeg(message: FrameMessage) -> Frame:
    head = message.header
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(message.payload)
    except ValueError as error:
        raise _damaged(str(error)) from None
    check_picture_size(width, height)
    if (width, height) != (head.width, head.height):
        raise ProtocolError(
            BAD_SIZE, f"a JPEG of {head.width}x{head.height}", f"{width}x{height}", "say the JPEG's own size"
        )
    try:
        picture: Frame = simplejpeg.decode_jpeg(message.payload, "RGB")
    except ValueError as error:
        raise _damaged(str(error)) from None
    return picture


def _damaged(detail: str) -> ProtocolError:
    return ProtocolError(
        UNSUPPORTED_FORMAT, "a whole baseline or progressive JPEG", detail[:200], "encode it again"
    )
