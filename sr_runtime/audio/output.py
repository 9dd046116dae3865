"""The sound card, by PortAudio: the only file that imports sounddevice.

Opening and closing happen in the audio process's main thread; the callback in PortAudio's own.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Protocol

import msgspec

from sr_runtime.audio.local import LocalRing
from sr_runtime.audio.settings import AudioSettings
from sr_runtime.errors import AudioDeviceError, MissingDependency
from sr_runtime.types import CHANNELS, SAMPLE_RATE

PORTAUDIO_HELP = "install it (Debian, Ubuntu: apt-get install libportaudio2); sound goes nowhere until then"


class OutputDevice(msgspec.Struct, frozen=True):
    """A sound device that can play.

    Attributes:
        index: PortAudio's number, which may change when devices come and go.
        name: its name.
        host_api: the system's sound interface behind it (ALSA, WASAPI, Core Audio …).
        channels: how many it can play.
        default_rate_hz: its own sample rate.
        is_default: whether it is played on when none is named.
        latency_low_ms: the least that PortAudio suggests.
    """

    index: int
    name: str
    host_api: str
    channels: int
    default_rate_hz: float
    is_default: bool
    latency_low_ms: float


class Stream(Protocol):
    """An opened device, as the watchdog sees it."""

    device: str
    callback_ns: int
    finished: bool
    underflows: int

    def offset_ns(self) -> int:
        """Return the monotonic clock minus the stream's clock."""
        ...

    def close(self) -> None:
        """Stop at once and give the device back."""
        ...


def load_sounddevice() -> ModuleType:
    """Import sounddevice.

    Raises:
        MissingDependency: it or the PortAudio library is not installed.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise MissingDependency(f"sounddevice is not installed ({error}): pip install sounddevice") from error
    except OSError as error:
        raise MissingDependency(f"no PortAudio library ({error}): {PORTAUDIO_HELP}") from error
    module: ModuleType = sounddevice
    return module


def query_outputs() -> list[OutputDevice]:
    """List the devices that can play.

    Raises:
        MissingDependency: no PortAudio library.
        AudioDeviceError: PortAudio cannot list them.
    """
    with quiet_native_stderr():
        sd = load_sounddevice()
        try:
            default = sd.default.device[1]
            apis = [api["name"] for api in sd.query_hostapis()]
            found = [info for info in sd.query_devices() if info["max_output_channels"] > 0]
        except sd.PortAudioError as error:
            raise AudioDeviceError(f"cannot list the sound devices: {error}") from error
    return [
        OutputDevice(
            index=int(info["index"]),
            name=str(info["name"]),
            host_api=str(apis[info["hostapi"]]),
            channels=int(info["max_output_channels"]),
            default_rate_hz=float(info["default_samplerate"]),
            is_default=info["index"] == default,
            latency_low_ms=1000 * float(info["default_low_output_latency"]),
        )
        for info in found
    ]


def refresh_devices() -> None:
    """Make PortAudio look for devices again; its list is frozen otherwise. No stream may be open."""
    sd = load_sounddevice()
    sd._terminate()
    sd._initialize()


@contextlib.contextmanager
def quiet_native_stderr() -> Iterator[None]:
    """Keep what ALSA and JACK print while probing devices from the user's terminal."""
    sys.stderr.flush()
    try:
        saved = os.dup(2)
    except OSError:  # no stderr at all, as under pythonw
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


class DeviceStream:
    """A playing device that takes its sound from a :class:`~sr_runtime.audio.local.LocalRing`.

    Args:
        settings: block size.
        latency_s: the device buffer to ask for.
        device: which one.
        local: where the callback reads.

    Attributes:
        callback_ns: ``time.monotonic_ns()`` of the last callback (of the opening before the first).
        finished: the device stopped by itself.
        underflows: times that the driver reported an underflow (it undercounts).

    Raises:
        AudioDeviceError: it cannot be opened.
    """

    def __init__(
        self, settings: AudioSettings, latency_s: float, device: OutputDevice, local: LocalRing
    ) -> None:
        self._sd = load_sounddevice()
        self._local = local
        self.device = device.name
        self.callback_ns = time.monotonic_ns()
        self.finished = False
        self.underflows = 0
        try:
            self._stream = self._sd.RawOutputStream(
                samplerate=SAMPLE_RATE,
                channels=CHANNELS,
                dtype="float32",
                blocksize=settings.block_frames,
                latency=latency_s,
                device=device.index,
                callback=self._callback,
                finished_callback=self._on_finished,
                extra_settings=self._host_settings(device),
            )
            self._stream.start()
        except (self._sd.PortAudioError, ValueError) as error:
            raise AudioDeviceError(f"cannot open the sound device {device.name!r}: {error}") from error

    def _host_settings(self, device: OutputDevice) -> Any:
        """Let WASAPI convert from 48 kHz, as the other host APIs do unasked."""
        return self._sd.WasapiSettings(auto_convert=True) if "WASAPI" in device.host_api else None

    def _callback(self, out: Any, frames: int, when: Any, status: Any) -> None:
        """Fill one block. Copies and counters only.

        Thread: audio callback.
        """
        self._local.read_into(out, frames, when.outputBufferDacTime)
        self.callback_ns = time.monotonic_ns()
        if status:
            self.underflows += 1

    def _on_finished(self) -> None:
        self.finished = True

    def offset_ns(self) -> int:
        """Return the monotonic clock minus the stream's clock."""
        return time.monotonic_ns() - int(self._stream.time * 1e9)

    def close(self) -> None:
        """Stop at once and give the device back."""
        with contextlib.suppress(self._sd.PortAudioError):
            self._stream.abort()
        with contextlib.suppress(self._sd.PortAudioError):
            self._stream.close()
