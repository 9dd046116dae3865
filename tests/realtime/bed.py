"""The benchmark's PulseAudio null sink, recorded by its monitor."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from types import TracebackType

import numpy as np

from sr_runtime.bench.null_sink import APT, PulseNullSink, missing_component
from sr_runtime.types import SAMPLE_RATE, Audio
from tests.conftest import missing, require_command

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

    @property
    def longest_wait_s(self) -> float:
        """The longest that nothing came, in seconds."""
        arrivals_ns = [at_ns for _, at_ns in self._arrivals]
        return max(np.diff(arrivals_ns), default=0) / 1e9

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


class NullSinkBed(PulseNullSink):
    """The null sink, recorded, and broken as sound servers break."""

    def __init__(self) -> None:
        require_command("parec", APT)
        if absent := missing_component():
            missing(absent, APT)
        super().__init__()

    def freeze_daemon(self) -> None:
        """Stop it in its tracks (SIGSTOP): clients see nothing but silence."""
        self.daemon.send_signal(signal.SIGSTOP)

    def thaw_daemon(self) -> None:
        """Let it go on (SIGCONT)."""
        self.daemon.send_signal(signal.SIGCONT)

    def record(self) -> Recording:
        """Begin to record what is played; a context manager, or call ``stop()``."""
        return Recording({**os.environ, **self.environment})

    def close(self) -> None:
        """End the daemon, frozen or not."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGCONT)
        super().close()
