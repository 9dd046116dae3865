"""A real sound system without a sound card: a private PulseAudio daemon with a null sink as default device.

Used by ``bench`` where there is no sound device, and by the tests. Touches nothing of the user's own sound.

Three settings are there because it failed without them: ``norewinds=1`` (else the sink renders 2 s ahead and
the callback stalls), ``--disable-shm=yes`` (else the daemon aborts after some dozen runs) and the sink's
format, rate and channels (else PulseAudio resamples).

Thread: any; one sink belongs to one thread.
"""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from sr_runtime.errors import AudioDeviceError, MissingDependency

APT: Final = "apt-get install pulseaudio pulseaudio-utils libasound2-plugins libportaudio2"

_SINK = "module-null-sink sink_name=nr format=float32le rate=48000 channels=2 norewinds=1"
_OPTIONS = (
    "-n --daemonize=no --use-pid-file=no --exit-idle-time=-1 --disable-shm=yes --realtime=no "
    "--high-priority=yes --log-level=1"
)
_ASOUND = "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n"
_START_TIMEOUT_S = 10.0


class PulseNullSink:
    """The daemon, as long as the ``with`` block lasts.

    Attributes:
        environment: the variables that lead programs to it (``PULSE_SERVER``, ``ALSA_CONFIG_PATH``).

    Raises:
        MissingDependency: a part of the sound system is not installed.
        AudioDeviceError: PulseAudio does not start; the message has its last words.

    Example:
        >>> with PulseNullSink() as sink:  # doctest: +SKIP
        ...     RuntimeProcess(environment=sink.environment)
    """

    def __init__(self) -> None:
        if absent := missing_component():
            raise MissingDependency(f"a PulseAudio null sink needs {absent}; install it with: {APT}")
        # The socket's path may have 107 characters, which a folder below the working one can exceed.
        self._folder = tempfile.TemporaryDirectory(prefix="sr-pulse-", ignore_cleanup_errors=True)
        folder = Path(self._folder.name)
        self._home, self._socket, self._log = folder, folder / "pulse.sock", folder / "pulseaudio.log"
        config = folder / "asound.conf"
        config.write_text(_ASOUND)
        self.environment = {"PULSE_SERVER": f"unix:{self._socket}", "ALSA_CONFIG_PATH": str(config)}
        self._daemon: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PulseNullSink:
        try:
            self.start_daemon()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def daemon(self) -> subprocess.Popen[bytes]:
        """Return the running daemon."""
        assert self._daemon is not None, "the daemon was not started"
        return self._daemon

    def start_daemon(self) -> None:
        """Start PulseAudio (again) and wait until it listens."""
        command = ["pulseaudio", *_OPTIONS.split()]
        command += ["-L", f"module-native-protocol-unix socket={self._socket} auth-anonymous=1", "-L", _SINK]
        home = {"XDG_RUNTIME_DIR": str(self._home), "HOME": str(self._home)}
        self._socket.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._daemon = subprocess.Popen(
                command,
                env={**os.environ, **self.environment, **home},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._answers():
            if time.monotonic() > deadline or self._daemon.poll() is not None:
                raise AudioDeviceError(f"PulseAudio does not start; it said:\n{self._log.read_text()}")
            time.sleep(0.02)

    def _answers(self) -> bool:
        """Tell whether the daemon listens and has its sink."""
        if not self._socket.exists():
            return False
        listing = subprocess.run(
            ["pactl", "list", "short", "sinks"],
            env={**os.environ, **self.environment},
            capture_output=True,
            timeout=10,
            check=False,
        )
        return b"nr" in listing.stdout

    def kill_daemon(self) -> None:
        """End PulseAudio as a crash would."""
        daemon, self._daemon = self.daemon, None
        daemon.kill()
        daemon.wait()

    def close(self) -> None:
        """End the daemon; safe to call twice."""
        if self._daemon is not None:
            self._daemon.terminate()
            try:
                self._daemon.wait(2)
            except subprocess.TimeoutExpired:
                self.kill_daemon()
            self._daemon = None
        self._folder.cleanup()


def missing_component() -> str:
    """Return what a null sink needs and is not installed, in words; empty if all is there."""
    for command in ("pulseaudio", "pactl"):
        if shutil.which(command) is None:
            return f"the command '{command}'"
    if ctypes.util.find_library("portaudio") is None:
        return "the PortAudio library"
    if not any(Path("/usr/lib").glob("**/alsa-lib/libasound_module_pcm_pulse.so")):
        return "ALSA's pulse plugin"
    return ""
