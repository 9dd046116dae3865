"""A real sound system without a sound card: a private PulseAudio whose null sink is recorded by its monitor.

Three settings are there because it failed without them: ``norewinds=1`` (else the sink renders 2 s ahead and
the callback stalls), ``--disable-shm=yes`` (else the daemon aborts after some dozen runs) and the sink's
format, rate and channels (else PulseAudio resamples).
"""

from __future__ import annotations

import contextlib
import ctypes.util
import signal
import subprocess
import threading
import time
from pathlib import Path
from types import TracebackType

import numpy as np

from sr_runtime.types import SAMPLE_RATE, Audio
from tests.conftest import missing, require_command

APT = "apt-get install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"
SINK = "module-null-sink sink_name=nr format=float32le rate=48000 channels=2 norewinds=1"
ASOUND = "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n"
BYTES_PER_FRAME = 8


class Recording:
    """What the sink plays, taken from its monitor from now until :meth:`stop`.

    Example:
        with null_sink.record() as recording:
            ...
        sound = recording.sound
    """

    def __init__(self, env: dict[str, str]) -> None:
        command = "parec -d nr.monitor --raw --format=float32le --rate=48000 --channels=2 --latency-msec=20"
        self._parec = subprocess.Popen(command.split(), stdout=subprocess.PIPE, env=env)
        self._data = bytearray()
        self._arrivals: list[tuple[int, int]] = []
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self._wait_for_first()

    def _read(self) -> None:
        assert self._parec.stdout is not None
        while chunk := self._parec.stdout.read1(1 << 16):
            self._data += chunk
            self._arrivals.append((len(self._data) // BYTES_PER_FRAME, time.monotonic_ns()))

    def _wait_for_first(self) -> None:
        deadline = time.monotonic() + 5
        while not self._data and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self._data, "parec records nothing from the null sink's monitor"

    @property
    def sound(self) -> Audio:
        """What was recorded so far, float32 (n, 2)."""
        whole = len(self._data) // BYTES_PER_FRAME * BYTES_PER_FRAME
        return np.frombuffer(bytes(self._data[:whole]), np.float32).reshape(-1, 2)

    @property
    def frames(self) -> int:
        """How much was recorded so far."""
        return len(self._data) // BYTES_PER_FRAME

    def heard_ns(self, frame: int) -> int:
        """Return when a recorded frame was played, ``time.monotonic_ns()``; late by the recorder's 10 ms."""
        # Chunks arrive late but never early: the line of slope 1 / 48 kHz below all arrivals is the true one.
        at = np.array(self._arrivals, np.float64)
        origin_ns = np.min(at[:, 1] - at[:, 0] * 1e9 / SAMPLE_RATE)
        return int(origin_ns + frame * 1e9 / SAMPLE_RATE)

    def stop(self) -> Audio:
        """End the recording and return it, float32 (n, 2)."""
        self._parec.terminate()
        self._parec.wait(5)
        self._thread.join(5)
        assert self._parec.stdout is not None
        self._parec.stdout.close()
        return self.sound

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class NullSinkBed:
    """A private PulseAudio daemon in ``folder``.

    Attributes:
        own_env: the variables that lead programs to it (``PULSE_SERVER``, ``ALSA_CONFIG_PATH``).
        env: a whole environment with these.
    """

    def __init__(self, folder: Path, base_env: dict[str, str]) -> None:
        require_components()
        self._folder = folder
        folder.chmod(0o700)
        self._socket = folder / "pulse.sock"
        config = folder / "asound.conf"
        config.write_text(ASOUND)
        own = {"PULSE_SERVER": f"unix:{self._socket}", "ALSA_CONFIG_PATH": str(config)}
        self.own_env = own
        self.env = {**base_env, **own}
        self._daemon: subprocess.Popen[bytes] | None = None
        self.start_daemon()

    def start_daemon(self) -> None:
        """Start PulseAudio (again) and wait until it listens."""
        options = "-n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disable-shm=yes --realtime=no"
        command = ["pulseaudio", *options.split(), "--high-priority=yes", "--log-level=1"]
        command += ["-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1", "-L", SINK]
        home = {**self.env, "XDG_RUNTIME_DIR": str(self._folder), "HOME": str(self._folder)}
        self._socket.unlink(missing_ok=True)
        with (self._folder / "pulseaudio.log").open("ab") as log:
            self._daemon = subprocess.Popen(
                command, env=home, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 10
        while not self._answers():
            assert time.monotonic() < deadline, (self._folder / "pulseaudio.log").read_text()
            time.sleep(0.02)

    def _answers(self) -> bool:
        """Tell whether the daemon listens and has its sink."""
        if not self._socket.exists():
            return False
        listing = subprocess.run(
            ["pactl", "list", "short", "sinks"], env=self.env, capture_output=True, timeout=10, check=False
        )
        return b"nr" in listing.stdout

    def kill_daemon(self) -> None:
        """End PulseAudio as a crash would."""
        assert self._daemon is not None
        self._daemon.kill()
        self._daemon.wait()
        self._daemon = None

    def freeze_daemon(self) -> None:
        """Stop it in its tracks (SIGSTOP): clients see nothing but silence."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGSTOP)

    def thaw_daemon(self) -> None:
        """Let it go on (SIGCONT)."""
        assert self._daemon is not None
        self._daemon.send_signal(signal.SIGCONT)

    def record(self) -> Recording:
        """Begin to record what is played; a context manager, or call ``stop()``."""
        return Recording(self.env)

    def close(self) -> None:
        """End the daemon."""
        if self._daemon is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.thaw_daemon()
        self._daemon.terminate()
        try:
            self._daemon.wait(2)
        except subprocess.TimeoutExpired:
            self.kill_daemon()


def require_components() -> None:
    """End the test as :func:`tests.conftest.missing` says if a part of the sound system is not installed."""
    for command in ("pulseaudio", "parec", "pactl"):
        require_command(command, APT)
    if ctypes.util.find_library("portaudio") is None:
        missing("the PortAudio library", APT)
    if not any(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")):
        missing("ALSA's pulse plugin", APT)
