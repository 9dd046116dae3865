"""``sr-runtime serve`` and ``replay`` as a user starts them: their own process, real sockets, Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sr_bridge import Client

from sr_runtime.cli import main

PATIENCE_S = 120.0
NO_PORTAUDIO = "raise OSError('PortAudio library not found')\n"


class Serve:
    """A ``sr-runtime serve`` process with the probe bundle."""

    def __init__(self, folder: Path, *arguments: str, **environment: str) -> None:
        self.connection_file = folder / "connection.json"
        self.log = folder / "log"
        command = [sys.executable, "-m", "sr_runtime", "serve", "--bundle", "probe"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--endpoint", "tcp://127.0.0.1:0", *arguments],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "SR_CONNECTION_FILE": str(self.connection_file), **environment},
            )
        deadline = time.monotonic() + PATIENCE_S
        while not self.connection_file.exists():
            assert self.process.poll() is None, self.words
            assert time.monotonic() < deadline, self.words
            time.sleep(0.02)

    @property
    def words(self) -> str:
        return self.log.read_text()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(PATIENCE_S)

    def client(self, **options: object) -> Client:
        return Client(connection_file=self.connection_file, **options)  # type: ignore[arg-type]


@pytest.fixture
def started() -> Iterator[list[Serve]]:
    processes: list[Serve] = []
    yield processes
    for serve in processes:
        if serve.process.poll() is None:
            serve.process.kill()
        serve.process.wait()


def play(client: Client, frames: int) -> int:
    client.connect(PATIENCE_S)
    heard = 0
    for _ in range(frames):
        client.send_frame(np.zeros((32, 32, 3), np.uint8))
        heard += len(client.poll_audio(1 / 30))
    return heard


def test_serve_captures_plays_to_a_file_and_ends_cleanly_and_replay_agrees(
    tmp_path: Path, started: list[Serve]
) -> None:
    capture, wav, figures = tmp_path / "capture", tmp_path / "out.wav", tmp_path / "figures.json"
    serve = Serve(
        tmp_path,
        "--audio-device",
        "none",
        "--capture",
        str(capture),
        "--wav",
        str(wav),
        "--json",
        str(figures),
    )
    started.append(serve)
    with serve.client(play="both") as client:
        assert play(client, 30) > 0
    assert serve.stop() == 0, serve.words
    assert "capturing" in serve.words and "stopped" in serve.words
    assert "Traceback" not in serve.words
    assert not serve.connection_file.exists()
    assert wav.stat().st_size > 100_000
    measured = json.loads(figures.read_text())
    assert measured["hops"] > 0 and measured["model"] == "probe"
    assert {
        "hop_ms",
        "after_frame_ms",
        "stage_ms",
        "misses",
        "underruns",
        "frame_to_sample_ms",
    } <= measured.keys()

    replay = subprocess.run(
        [sys.executable, "-m", "sr_runtime", "replay", str(capture), "--json", str(tmp_path / "replay.json")],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert replay.returncode == 0, replay.stdout + replay.stderr
    (session,) = json.loads((tmp_path / "replay.json").read_text())["sessions"]
    assert session["hops"] == measured["hops"]
    assert session["differing_hops"] == 0


def test_serve_starts_without_portaudio_and_says_so(tmp_path: Path, started: list[Serve]) -> None:
    # What sounddevice does on a machine without the library, for every process of the runtime.
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "sounddevice.py").write_text(NO_PORTAUDIO)
    serve = Serve(tmp_path, PYTHONPATH=str(tmp_path / "modules"))
    started.append(serve)
    with serve.client(play="both") as client:
        welcome = client.connect(PATIENCE_S)
        assert "PortAudio" in welcome.notice
        assert play(client, 15) > 0
    assert "PortAudio" in serve.words
    assert serve.stop() == 0, serve.words


def test_serve_ends_with_the_process_that_it_was_told_to_follow(tmp_path: Path, started: list[Serve]) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as game:
        serve = Serve(tmp_path, "--audio-device", "none", "--exit-with-pid", str(game.pid))
        started.append(serve)
        with serve.client() as client:
            assert play(client, 5) > 0
        assert serve.process.poll() is None, "it ended before its game"
        game.kill()  # and nobody asks for its exit code: it stays in the process table
        assert serve.process.wait(PATIENCE_S) == 0, serve.words
    assert not serve.connection_file.exists()
    assert "stopped" in serve.words and "Traceback" not in serve.words


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--endpoint", "tcp://0.0.0.0:0"], "--allow-insecure-remote"),
        (["--endpoint", "nonsense"], "expected tcp://HOST:PORT"),
        (["--latency", "5"], "latency"),
        (["--bundle", "no-such-bundle"], "no-such-bundle"),
        (["--exit-with-pid", "4194305"], "expected the id of a running process"),  # beyond Linux's largest
    ],
)
def test_a_wrong_argument_is_one_plain_message(
    tmp_path: Path,
    arguments: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SR_CONNECTION_FILE", str(tmp_path / "connection.json"))
    monkeypatch.setattr(sys, "argv", ["sr-runtime", "serve", "--audio-device", "none", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = " ".join(capsys.readouterr().err.split())
    assert message in said and "error:" in said
    assert not (tmp_path / "connection.json").exists()
