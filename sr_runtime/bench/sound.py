"""Choose what the benchmark's socket part plays on: underruns and latency are measured wherever possible.

Called by ``sr-runtime bench``. Thread: any.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from sr_runtime.audio.devices import list_devices
from sr_runtime.audio.settings import NO_DEVICE
from sr_runtime.bench.null_sink import APT, PulseNullSink, missing_component
from sr_runtime.errors import AudioDeviceError, MissingDependency

NULL_SINK: Final = "null-sink"
"""The ``--output`` that asks for a PulseAudio null sink even where there is a sound card."""

NULL_SINK_NAME: Final = "null sink"
"""What the table calls it: short, for terminals of 80 columns."""


@dataclass(frozen=True)
class BenchSound:
    """What is played on.

    Attributes:
        output: ``serve --output``; None for the default device.
        environment: Variables of the runtime's process.
        name: What the table calls it; empty for what the runtime itself calls it.
        why_silent: Why nothing is played, with what to do; empty if something is.
    """

    output: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    why_silent: str = ""


@contextmanager
def bench_sound(wanted: str | None) -> Iterator[BenchSound]:
    """Provide the device that was asked for, or the best there is, as long as the ``with`` block lasts.

    Args:
        wanted: A device by name, ``none``, ``null-sink``, or None: the default device, where there is none a
            PulseAudio null sink, where that cannot be had silence.

    Raises:
        MissingDependency: A null sink was asked for, and a part of it is not installed.
        AudioDeviceError: PulseAudio does not start.
    """
    if wanted == NO_DEVICE:
        yield BenchSound(NO_DEVICE, why_silent="no sound device was wanted")
    elif wanted not in (None, NULL_SINK) or (wanted is None and _has_device()):
        yield BenchSound(wanted)
    elif wanted is None and (absent := missing_component()):
        why = f"there is no sound device, and for a PulseAudio null sink {absent} is missing ({APT})"
        yield BenchSound(NO_DEVICE, why_silent=why)
    else:
        with PulseNullSink() as sink:
            yield BenchSound(None, sink.environment, NULL_SINK_NAME)


def _has_device() -> bool:
    try:
        return bool(list_devices())
    except (AudioDeviceError, MissingDependency):
        return False
