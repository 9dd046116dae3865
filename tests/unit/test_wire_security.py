"""Who may connect, from where, and who can read the secrets."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sr_bridge import Client, connection
from sr_bridge.connection import ConnectionInfo, CurveKeys
from sr_bridge.errors import ConnectionFileError

from sr_runtime.errors import ConfigError
from sr_runtime.server.auth import Authenticator, load_token, make_token
from sr_runtime.server.curve import CurveStore
from sr_runtime.server.endpoints import is_local
from sr_runtime.server.limits import MAX_PEERS_REMEMBERED, ErrorBudget, TokenBucket
from sr_runtime.server.settings import ServerSettings
from tests.unhurried import floats, unhurried

posix = pytest.mark.skipif(sys.platform == "win32", reason="file modes are POSIX's")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize(
    "endpoint",
    ["tcp://127.0.0.1:5599", "tcp://127.9.9.9:1", "tcp://localhost:0", "tcp://[::1]:5599", "ipc:///tmp/x"],
)
def test_loopback_may_be_bound(endpoint: str) -> None:
    assert is_local(endpoint)
    ServerSettings(endpoint=endpoint)


@pytest.mark.parametrize(
    "endpoint",
    ["tcp://0.0.0.0:5599", "tcp://*:5599", "tcp://192.168.1.4:5599", "tcp://eth0:5599", "tcp://[::]:5599",
     "tcp://localhost.evil.example:5599"],
)  # fmt: skip
def test_anything_else_needs_the_users_explicit_word(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="--allow-insecure-remote"):
        ServerSettings(endpoint=endpoint)
    ServerSettings(endpoint=endpoint, allow_insecure_remote=True)


@pytest.mark.parametrize(
    "endpoint", ["", "5599", "udp://127.0.0.1:5", "tcp://127.0.0.1", "tcp://127.0.0.1:99999"]
)
def test_an_address_that_is_none_is_refused(endpoint: str) -> None:
    with pytest.raises(ConfigError, match="expected tcp://HOST:PORT"):
        ServerSettings(endpoint=endpoint, allow_insecure_remote=True)


def test_a_setting_out_of_range_names_its_key_and_range() -> None:
    with pytest.raises(ConfigError, match=r"server\.load_share: expected 0\.05–1, got 7"):
        ServerSettings(load_share=7)


@unhurried
@given(st.text(max_size=60))
def test_only_the_exact_token_is_accepted(guess: str) -> None:
    token = make_token()
    assert Authenticator(token).accepts(token)
    assert Authenticator(token).accepts(guess) == (guess == token)


def test_every_start_makes_another_token() -> None:
    assert load_token(None) != load_token(None)
    assert len(load_token(None)) >= 43  # 256 bits in base64


@posix
def test_a_token_file_is_made_private_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "token"
    token = load_token(path)
    assert mode(path) == 0o600
    assert load_token(path) == token


@posix
def test_a_token_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    load_token(path)
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_token(path)


@pytest.mark.parametrize("text", ["", "short", "é" * 20, "x" * 200])
def test_a_token_file_without_a_usable_token_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="16–128 ASCII"):
        load_token(path)


@posix
def test_the_connection_file_is_private_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "run" / "connection.json"
    info = ConnectionInfo(
        "tcp://127.0.0.1:1", "token", 7, 1, "0.1.0", CurveKeys("tcp://127.0.0.1:2", "a", "b", "c")
    )
    old_mask = os.umask(0)
    try:
        connection.write(info, path)
    finally:
        os.umask(old_mask)
    assert mode(path) == 0o600
    assert mode(path.parent) == 0o700
    assert connection.read(path) == info


@posix
def test_a_connection_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    connection.write(ConnectionInfo("e", "t"), path)
    path.chmod(0o640)
    with pytest.raises(ConnectionFileError, match="chmod 600"):
        connection.read(path)


@posix
@pytest.mark.parametrize(
    "place", ["tcp://127.0.0.1:9", "tcp://localhost:9", "tcp://[::1]:9", "tcp://10.0.0.8:1"]
)
def test_a_token_goes_to_this_machine_and_where_its_file_says(tmp_path: Path, place: str) -> None:
    path = tmp_path / "connection.json"
    connection.write(ConnectionInfo("tcp://10.0.0.8:1", "t" * 20), path)
    with Client(place, connection_file=path) as client:
        assert client.endpoint == place


@posix
@pytest.mark.parametrize("place", ["tcp://10.0.0.9:1", "tcp://127.0.0.1.example:1", "x"])
def test_a_token_goes_to_no_other_machine(tmp_path: Path, place: str) -> None:
    path = tmp_path / "connection.json"
    connection.write(ConnectionInfo("tcp://127.0.0.1:1", "t" * 20), path)
    with pytest.raises(ConnectionFileError, match="token is needed for"):
        Client(place, connection_file=path)
    keys = CurveKeys(place, "a", "b", "c")
    with pytest.raises(ConnectionFileError, match="token is needed for"):
        Client(curve=keys, connection_file=path)
    assert Client(place, token="t" * 20).endpoint == place


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"endpoint": 1}', '{"endpoint":"e","token":"t","curve":{"x":1}}']
)
def test_a_damaged_connection_file_says_what_to_do(tmp_path: Path, text: str) -> None:
    path = tmp_path / "connection.json"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(ConnectionFileError, match="restart the runtime"):
        connection.read(path)


def test_without_a_runtime_the_client_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(ConnectionFileError, match="sr-runtime serve"):
        connection.read(tmp_path / "nothing.json")


def test_a_newer_runtimes_connection_file_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "connection.json"
    connection.write(ConnectionInfo("e", "t", pid=2), path)
    connection.remove(path, pid=1)
    assert path.exists()
    connection.remove(path, pid=2)
    assert not path.exists()


def test_the_connection_files_place_follows_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(connection.FILE_VARIABLE, str(tmp_path / "x.json"))
    assert connection.default_path() == tmp_path / "x.json"
    monkeypatch.delenv(connection.FILE_VARIABLE)
    if sys.platform not in ("win32", "darwin"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        assert connection.default_path() == tmp_path / "sr-runtime" / "connection.json"
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "missing"))
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        assert connection.default_path() == tmp_path / "cache" / "sr-runtime" / "connection.json"


@posix
def test_curve_keys_are_made_once_and_private(tmp_path: Path) -> None:
    first, second = CurveStore(tmp_path), CurveStore(tmp_path)
    assert first.public == second.public
    assert first.client_keys("e") == second.client_keys("e")
    assert {mode(path) for path in tmp_path.iterdir()} == {0o600}
    assert len(first.allowed()) == 1


@posix
def test_damaged_or_open_key_files_are_refused(tmp_path: Path) -> None:
    CurveStore(tmp_path)
    server = tmp_path / "server.json"
    server.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        CurveStore(tmp_path)
    server.chmod(0o600)
    server.write_text(json.dumps({"public": "x", "secret": "y"}))
    with pytest.raises(ConfigError, match="Z85"):
        CurveStore(tmp_path)
    server.write_text("not json")
    with pytest.raises(ConfigError, match="damaged"):
        CurveStore(tmp_path)


def test_a_line_that_is_no_key_in_authorized_clients_is_named(tmp_path: Path) -> None:
    store = CurveStore(tmp_path)
    with (tmp_path / "authorized_clients").open("a") as file:
        file.write("ssh-rsa AAAA\n")
    with pytest.raises(ConfigError, match="line 3"):
        store.allowed()


@unhurried
@given(
    st.lists(floats(0, 10), max_size=50),
    floats(1, 100),
    floats(1, 50),
)
def test_a_bucket_never_gives_more_than_its_rate_and_burst(
    steps: list[float], rate: float, burst: float
) -> None:
    bucket, now, taken = TokenBucket(rate, burst), 0.0, 0
    for step in steps:
        now += step
        while bucket.take(1.0, now):
            taken += 1
    assert taken <= burst + rate * now + 1e-6


def test_a_flood_of_new_peers_does_not_grow_the_error_budget() -> None:
    budget = ErrorBudget()
    for number in range(5 * MAX_PEERS_REMEMBERED):
        assert budget.allows(number.to_bytes(4, "big"), "bad_token", 0.0)
    assert len(budget._buckets) == MAX_PEERS_REMEMBERED


def test_no_source_of_the_wire_unpickles_or_evaluates() -> None:
    root = Path(__file__).resolve().parents[2]
    sources = [*(root / "sr_runtime" / "server").glob("*.py"), *(root / "bridge" / "sr_bridge").glob("*.py")]
    assert len(sources) > 15
    for source in sources:
        text = source.read_text(encoding="utf-8")
        for word in ("pickle", "recv_pyobj", "send_pyobj", "eval(", "exec(", "yaml", "marshal"):
            assert word not in text, f"{source} has {word}"
