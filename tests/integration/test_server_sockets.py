"""The server on real sockets: attacks, refusals, losses and restarts, while a good client goes on."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import zmq
from sr_bridge import Client, ConnectionState, RefusedError
from sr_bridge.connection import CurveKeys
from sr_bridge.errors import NobodyListens, NotConnected, ProtocolError, SilentPeer
from sr_bridge.media import FADE_IN, MAX_TRANSPORT_BYTES
from sr_bridge.messages import Error, Hello, Kind, decode, encode

from sr_runtime.audio import NullSink
from sr_runtime.errors import ConfigError
from tests.running_server import RunningServer

PICTURE = np.full((32, 32, 3), 90, np.uint8)
PATIENCE_S = 60.0
"""For things that take milliseconds on a quiet machine."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path) as server:
        yield server


def wait_for(fact: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not fact():
        assert time.monotonic() < deadline, f"not within {PATIENCE_S:g} s: {what}"
        time.sleep(0.005)


def play(client: Client, seconds: float) -> list[int]:
    """Send 30 frames a second and return the numbers of the hops that came back."""
    hops: list[int] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        client.send_frame(PICTURE)
        hops += [hop.hop for hop in client.poll_audio(1 / 30)]
    return hops


def assert_undisturbed(client: Client, hops: list[int]) -> None:
    """Every hop that was computed came, in order, and no frame was refused."""
    client.control(pause=True)
    while (status := client.status(PATIENCE_S)).state != "paused":
        continue
    hops += [hop.hop for hop in client.poll_audio()]
    assert hops == sorted(set(hops))
    assert len(hops) == status.hop > 0
    # Numbers are left out only for what a busy machine skipped, never for what was lost.
    assert sum(later - earlier - 1 for earlier, later in pairwise(hops)) == status.hops_skipped
    assert (status.frames_rejected, status.hops_unsent) == ({}, 0)
    assert (client.sessions, client.errors) == (1, {})


def raw_dealer(endpoint: str) -> Iterator[zmq.Socket[bytes]]:
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.SNDTIMEO, 5000)
        dealer.connect(endpoint)
        yield dealer


@pytest.fixture
def dealer(server: RunningServer) -> Iterator[zmq.Socket[bytes]]:
    yield from raw_dealer(server.endpoint)


def answer(dealer: zmq.Socket[bytes]) -> Error:
    assert dealer.poll(int(PATIENCE_S * 1000)), "no answer"
    message = decode(dealer.recv())
    assert isinstance(message, Error)
    return message


# -- the good way -------------------------------------------------------------------------------------


def test_frames_go_in_and_every_hop_comes_back(server: RunningServer) -> None:
    with server.client() as client:
        welcome = client.connect(PATIENCE_S)
        assert welcome.bundle == "probe"
        hops = play(client, 1.5)
        assert hops[0] == 0
        assert_undisturbed(client, hops)
        reading = client.ping(PATIENCE_S)
        assert abs(reading.offset_ns) <= reading.delay_ns  # one machine, one clock
        assert client.state is ConnectionState.RUNNING


def test_the_connection_file_is_there_while_it_serves_and_gone_afterwards(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        assert server.connection_file.exists()
        assert server.token not in repr(server.server.snapshot)
    assert not server.connection_file.exists()


def test_lockstep_over_the_socket_counts_exactly(server: RunningServer) -> None:
    with server.client(mode="lockstep", fps=24.0) as client:
        client.connect(PATIENCE_S)
        counts = [len(client.step(PICTURE, PATIENCE_S)) for _ in range(24)]
        assert counts == [2000] * 24
        with pytest.raises(ProtocolError):
            client.control(gain=9.0)
        client.control(reset=True)
        assert len(client.step(PICTURE, PATIENCE_S)) == 2000


def test_the_runtime_plays_what_it_shall_play(tmp_path: Path) -> None:
    sink = NullSink()
    with RunningServer(tmp_path, sink) as server, server.client(play="runtime") as client:
        client.connect(PATIENCE_S)
        assert play(client, 0.5) == []
        wait_for(lambda: sink.stats().written > 3, "hops are played")


# -- refusals -----------------------------------------------------------------------------------------


def test_a_wrong_token_is_refused_and_said(server: RunningServer) -> None:
    with Client(server.endpoint, token="wrong") as client:
        with pytest.raises(RefusedError) as caught:
            client.connect(PATIENCE_S)
        assert caught.value.code == "bad_token"
        assert "connection file" in str(caught.value)
        assert client.state is ConnectionState.REFUSED
        assert not client.send_frame(PICTURE)


def test_another_version_is_refused_with_both_numbers(
    server: RunningServer, dealer: zmq.Socket[bytes]
) -> None:
    dealer.send(encode(Hello(server.token, protocol=9)))
    error = answer(dealer)
    assert (error.code, error.expected, error.got) == ("version_refused", "protocol 1.0", "9.0")


def test_a_frame_without_a_session_is_told_to_say_hello(dealer: zmq.Socket[bytes]) -> None:
    dealer.send(bytes([Kind.FRAME]) + bytes(39))
    assert answer(dealer).code == "unsupported_format"
    dealer.send(bytes([Kind.BYE]) + b"\x81\xa7session\x05")
    error = answer(dealer)
    assert (error.code, error.fatal) == ("unknown_session", True)


def test_nobody_listens_is_told_apart_from_silence() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        with Client(f"tcp://127.0.0.1:{port}", "t" * 20) as client:
            with pytest.raises(NobodyListens, match="sr-runtime serve"):
                client.connect(0.5)
            assert client.state is ConnectionState.NOBODY_LISTENS


def test_another_program_on_the_port_is_silence() -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as router:
        port = router.bind_to_random_port("tcp://127.0.0.1")
        silent = Client(f"tcp://127.0.0.1:{port}", "t" * 20)
        with silent, pytest.raises(SilentPeer, match="no welcome came"):
            silent.connect(3.0)


def test_a_taken_port_says_what_to_do(server: RunningServer, tmp_path: Path) -> None:
    other = RunningServer(tmp_path / "other", endpoint=server.endpoint)
    with pytest.raises(ConfigError, match=r"--endpoint tcp://127\.0\.0\.1:0"):
        other.server.start()


def test_asking_too_often_is_refused_and_not_mistaken_for_silence(tmp_path: Path) -> None:
    with RunningServer(tmp_path, max_controls_hz=1.0) as server, server.client() as client:
        client.connect(PATIENCE_S)
        client.ping(PATIENCE_S)
        with pytest.raises(RefusedError, match="rate_limited"):
            client.status(PATIENCE_S)
            client.ping(PATIENCE_S)


# -- attacks, beside a good client --------------------------------------------------------------------


def flood(dealer: zmq.Socket[bytes], messages: list[bytes]) -> None:
    for data in messages:
        dealer.send(data)


def hostile_messages(count: int) -> list[bytes]:
    rng = random.Random(4)
    kinds = [bytes([kind]) for kind in range(12)]
    pickled = b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x8c\x06system\x93\x94."
    return [
        rng.choice([pickled, rng.choice(kinds) + rng.randbytes(rng.randrange(200)), rng.randbytes(60)])
        for _ in range(count)
    ]


def raw_connections(endpoint: str, count: int) -> None:
    """Open TCP connections that send garbage, half a greeting, or a frame that announces 1 TiB."""
    port = int(endpoint.rsplit(":", 1)[1])
    rng = random.Random(5)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01NULL" + bytes(48)
    ready = (
        b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"[:1]
        + b"\x1c"
        + (b"\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER")
    )
    announced = b"\x02" + (1 << 40).to_bytes(8, "big") + b"x" * 1000
    for number in range(count):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.sendall([rng.randbytes(80), greeting[:30], greeting + ready + announced][number % 3])


def test_hostile_content_floods_and_garbage_leave_a_good_client_alone(
    server: RunningServer, dealer: zmq.Socket[bytes]
) -> None:
    with server.client() as client:
        client.connect(PATIENCE_S)
        hops = play(client, 0.3)
        flood(dealer, hostile_messages(2000))
        hops += play(client, 0.3)
        raw_connections(server.endpoint, 60)
        hops += play(client, 0.3)
        dealer.send_multipart([b"part"] * 500)
        hops += play(client, 0.5)
        assert_undisturbed(client, hops)
        counts = server.server._reception.counts
        wait_for(lambda: counts.multipart == 1, "the message of several parts is counted")
        wait_for(
            lambda: sum(counts.refused.values()) + counts.unknown_kinds > 1000, "hostile messages are counted"
        )


def test_a_flooding_session_is_cut_to_its_rate_and_others_are_not(server: RunningServer) -> None:
    with server.client() as client, server.client(name="flood") as flooder:
        client.connect(PATIENCE_S)
        flooder.connect(PATIENCE_S)
        hops = play(client, 0.2)
        big = np.zeros((720, 1280, 3), np.uint8)
        for _ in range(200):
            flooder.send_frame(big)
        hops += play(client, 0.5)
        assert_undisturbed(client, hops)
        assert flooder.status(PATIENCE_S).frames_received < 200


def test_a_message_over_16_mib_closes_that_connection_only(
    server: RunningServer, dealer: zmq.Socket[bytes]
) -> None:
    with server.client() as client:
        client.connect(PATIENCE_S)
        hops = play(client, 0.2)
        monitor = dealer.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        dealer.send(bytes(MAX_TRANSPORT_BYTES + 1))
        assert monitor.poll(int(PATIENCE_S * 1000)), "the connection is closed"
        dealer.disable_monitor()
        monitor.close(linger=0)
        hops += play(client, 0.2)
        assert_undisturbed(client, hops)


def test_a_frame_between_4_and_16_mib_is_refused_and_the_session_kept(
    server: RunningServer, dealer: zmq.Socket[bytes]
) -> None:
    dealer.send(encode(Hello(server.token)))
    dealer.recv()
    dealer.send(bytes([Kind.FRAME]) + bytes(5 << 20))
    assert dealer.poll(int(PATIENCE_S * 1000))
    messages = [decode(dealer.recv())]
    while not isinstance(messages[-1], Error):
        messages.append(decode(dealer.recv()))
    assert (messages[-1].code, messages[-1].fatal) == ("frame_too_large", False)


def test_a_peer_that_never_reads_costs_nothing_but_its_own_sound(
    server: RunningServer, dealer: zmq.Socket[bytes]
) -> None:
    with server.client() as client:
        client.connect(PATIENCE_S)
        dealer.setsockopt(zmq.RCVHWM, 1)
        flood(dealer, [encode(Hello("wrong"))] * 500)
        hops = play(client, 0.5)
        assert_undisturbed(client, hops)


# -- losses -------------------------------------------------------------------------------------------


CHILD = """
import sys, time, numpy as np
from pathlib import Path
from sr_bridge import Client
client = Client(connection_file=Path(sys.argv[1]))
client.connect(60)
print("connected", flush=True)
while True:
    client.send_frame(np.zeros((32, 32, 3), np.uint8)); client.poll_audio(0.03)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_client_frees_its_session(server: RunningServer) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(server.connection_file)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child, child.stdout:
        assert child.stdout.readline() == "connected\n"
        assert len(server.server._reception.sessions) == 1
        os.kill(child.pid, signal.SIGKILL)
        wait_for(lambda: len(server.server._reception.sessions) == 0, "the session is freed")
        wait_for(lambda: len(server.server._scheduler) == 0, "its model state is freed")


def test_a_reconnect_is_a_new_session_that_fades_in(server: RunningServer) -> None:
    with server.client() as client:
        first = client.connect(PATIENCE_S)
        play(client, 0.3)
        client.close()
        second = client.connect(PATIENCE_S)
        assert second.session != first.session
        client.send_frame(PICTURE)
        hops = client.poll_audio(PATIENCE_S)
        assert (hops[0].hop, hops[0].flags & FADE_IN) == (0, FADE_IN)


def test_after_a_restart_of_the_runtime_the_client_is_back_by_itself(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        endpoint = server.endpoint
        client = server.client()
        client.connect(PATIENCE_S)
        play(client, 0.2)
    play(client, 0.2)
    assert client.state is ConnectionState.NOBODY_LISTENS
    assert client.poll_audio() == []
    with RunningServer(tmp_path, endpoint=endpoint), client:  # with another token
        deadline = time.monotonic() + PATIENCE_S
        hops: list[int] = []
        while not hops and time.monotonic() < deadline:
            hops = play(client, 0.2)
        assert hops[0] == 0
        assert client.sessions == 2


def test_a_lost_lockstep_session_says_so_instead_of_going_on_wrongly(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        client = server.client(mode="lockstep", fps=30.0)
        client.connect(PATIENCE_S)
        client.step(PICTURE, PATIENCE_S)
    with client, pytest.raises((NotConnected, SilentPeer)):
        client.step(PICTURE, 3.0)


# -- encryption ---------------------------------------------------------------------------------------


@pytest.fixture
def curve_server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path, curve=True) as server:
        yield server


def curve_keys(server: RunningServer) -> CurveKeys:
    keys = server.server.connection_info.curve
    assert keys is not None
    return keys


def test_a_known_key_may_connect_encrypted(curve_server: RunningServer) -> None:
    with curve_server.client(curve=curve_keys(curve_server)) as client:
        client.connect(PATIENCE_S)
        assert client.endpoint != curve_server.endpoint
        assert_undisturbed(client, play(client, 0.5))


@pytest.mark.parametrize("fault", ["unknown client", "wrong server", "no encryption"])
def test_everybody_else_ends_at_the_handshake(curve_server: RunningServer, fault: str) -> None:
    keys = curve_keys(curve_server)
    public, secret = (key.decode() for key in zmq.curve_keypair())
    wrong = {
        "unknown client": CurveKeys(keys.endpoint, keys.server_key, public, secret),
        "wrong server": CurveKeys(keys.endpoint, public, keys.client_public, keys.client_secret),
        "no encryption": None,
    }[fault]
    before = curve_server.server._reception.counts.messages
    client = Client(keys.endpoint, curve_server.token, curve=wrong)
    with client, pytest.raises((NobodyListens, SilentPeer)):
        client.connect(1.5)
    assert curve_server.server._reception.counts.messages == before


def test_a_right_key_still_needs_the_token(curve_server: RunningServer) -> None:
    keys = curve_keys(curve_server)
    client = Client(keys.endpoint, "wrong", curve=keys)
    with client, pytest.raises(RefusedError, match="bad_token"):
        client.connect(PATIENCE_S)
