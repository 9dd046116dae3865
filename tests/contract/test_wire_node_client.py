"""A client that shares no code with ours: Node, the npm packages zeromq and @msgpack/msgpack, PROTOCOL.md."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import missing, require_command
from tests.running_server import RunningServer

SOURCE = Path(__file__).parent / "node"
VECTORS = Path(__file__).resolve().parents[2] / "bridge" / "vectors"
FILES = ("package.json", "package-lock.json", ".npmrc")
TIMEOUT_S = 240
"""Installing takes 5 s on a quiet machine."""


@pytest.fixture(scope="module")
def client() -> Path:
    """Install the packages once into a cache that belongs to this lock file; return the client's path."""
    require_command("node", "apt-get install nodejs")
    npm = require_command("npm", "apt-get install npm")
    key = hashlib.sha256(b"".join((SOURCE / name).read_bytes() for name in FILES)).hexdigest()[:16]
    cache = (
        Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sr-runtime-tests" / f"node-{key}"
    )
    if not (cache / "node_modules").is_dir():
        install(npm, cache)
    shutil.copy(SOURCE / "client.mjs", cache / "client.mjs")
    return cache / "client.mjs"


def install(npm: str, cache: Path) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache.parent) as folder:
        for name in FILES:
            shutil.copy(SOURCE / name, folder)
        done = subprocess.run([npm, "ci"], cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S)
        if done.returncode != 0:
            missing(
                "the npm packages zeromq and @msgpack/msgpack", f"npm ci in {SOURCE}\n{done.stderr[-800:]}"
            )
        if not cache.exists():
            Path(folder).rename(cache)
            Path(folder).mkdir()  # TemporaryDirectory wants something to remove


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path) as server:
        yield server


def node(client: Path, *arguments: str) -> Any:
    done = subprocess.run(
        ["node", str(client), *arguments],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        cwd=client.parent,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_lock_file_names_no_host() -> None:
    lock = json.loads((SOURCE / "package-lock.json").read_text())
    assert all("resolved" not in package for package in lock["packages"].values())
    assert all("integrity" in package for name, package in lock["packages"].items() if name)


def test_it_reads_every_golden_message(client: Path) -> None:
    assert node(client, "vectors", str(VECTORS)) == {"checked": len(list(VECTORS.glob("*.bin")))}


def test_it_sends_frames_and_hears_sound(client: Path, server: RunningServer) -> None:
    result = node(client, "live", server.endpoint, server.token, "30")
    assert result["welcome"]["kind"] == "welcome" and result["welcome"]["bundle"] == "probe"
    assert result["errors"] == []
    assert result["seqs"][-1] == "30" or result["seqs"][-1] == 30
    assert result["hops"] == sorted(set(result["hops"]))
    assert result["samples"] == 1600 * len(result["hops"])
    assert result["pong"]["kind"] == "pong" and int(result["pong"]["t2_ns"]) >= int(result["pong"]["t1_ns"])


def test_its_lockstep_samples_are_counted_exactly(client: Path, server: RunningServer) -> None:
    counts = node(client, "lockstep", server.endpoint, server.token, "35", "35")["counts"]
    assert sum(counts) == 48_000
    assert counts[:3] == [1371, 1372, 1371]


def test_a_wrong_token_is_told_why(client: Path, server: RunningServer) -> None:
    answer = node(client, "refused", server.endpoint, "not-the-token")
    assert (answer["kind"], answer["code"], answer["fatal"]) == ("error", "bad_token", True)
    assert answer["fix"]
