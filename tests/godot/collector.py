"""A runtime that only looks: it welcomes every client and keeps the pictures, to see what was really sent."""

from __future__ import annotations

import contextlib
import threading
import time
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import zmq
from sr_bridge.media import FrameHeader, parse_frame
from sr_bridge.messages import Control, Hello, Status, Welcome, decode, encode


@dataclass(frozen=True)
class Picture:
    """A frame as it came: ``rgb`` is uint8 (height, width, 3)."""

    header: FrameHeader
    rgb: npt.NDArray[np.uint8]
    arrived_s: float


class Collector:
    """Listens as long as the ``with`` block lasts.

    Args:
        width: Of the pictures it asks for.
        height: Of the pictures it asks for.
    """

    def __init__(self, width: int = 64, height: int = 48) -> None:
        self._size = width, height
        self._socket = zmq.Context.instance().socket(zmq.ROUTER)
        self._socket.linger = 0
        self.port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.endpoint = f"tcp://127.0.0.1:{self.port}"
        self.hellos: list[Hello] = []
        self.controls: list[Control] = []
        self.pictures: list[Picture] = []
        self._is_ending = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._is_ending = True
        self._thread.join()
        self._socket.close()

    def wait_for_pictures(self, count: int, patience_s: float = 60.0) -> list[Picture]:
        """Wait for ``count`` more pictures and return these."""
        first, deadline = len(self.pictures), time.monotonic() + patience_s
        while len(self.pictures) < first + count:
            assert time.monotonic() < deadline, f"{len(self.pictures) - first} of {count} pictures came"
            time.sleep(0.01)
        return self.pictures[first : first + count]

    def _run(self) -> None:
        said_s, peers = 0.0, {}
        while not self._is_ending:
            if self._socket.poll(20):
                peer, data = self._socket.recv_multipart()
                self._receive(peer, data, peers)
            if time.monotonic() - said_s > 0.5:
                said_s = time.monotonic()
                for peer, session in peers.items():
                    self._say(peer, encode(Status(session, state="running")))

    def _receive(self, peer: bytes, data: bytes, peers: dict[bytes, int]) -> None:
        if data[0] == 1:
            frame = parse_frame(data)
            shape = frame.header.height, frame.header.width, 3
            rgb = np.frombuffer(bytes(frame.payload), np.uint8).reshape(shape)
            self.pictures.append(Picture(frame.header, rgb, time.monotonic()))
            return
        message = decode(data)
        if isinstance(message, Hello):
            self.hellos.append(message)
            peers[peer] = len(self.hellos)
            width, height = self._size
            self._say(
                peer,
                encode(Welcome(peers[peer], picture_width=width, picture_height=height, bundle="collector")),
            )
        elif isinstance(message, Control):
            self.controls.append(message)

    def _say(self, peer: bytes, data: bytes) -> None:
        with contextlib.suppress(zmq.ZMQError):
            self._socket.send_multipart([peer, data])
