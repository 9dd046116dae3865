"""Find a sound device by name or number, and say in plain words why there is none."""

from __future__ import annotations

from collections.abc import Sequence

from sr_runtime.audio.output import OutputDevice, query_outputs
from sr_runtime.errors import AudioDeviceError
from sr_runtime.types import CHANNELS


def list_devices() -> list[OutputDevice]:
    """Return the devices that can play stereo.

    Raises:
        MissingDependency: no PortAudio library.
        AudioDeviceError: PortAudio cannot list them.
    """
    return [device for device in query_outputs() if device.channels >= CHANNELS]


def resolve_device(wanted: str | int | None, devices: Sequence[OutputDevice]) -> OutputDevice:
    """Choose the device that a user meant.

    Args:
        wanted: an index (number or digits), a name or a part of one (any case), or None for the default.
        devices: what there is.

    Raises:
        AudioDeviceError: none, or several, fit; the message lists them.
    """
    if not devices:
        raise AudioDeviceError("no sound device that can play stereo; 'sr-runtime devices' lists them")
    if wanted is None:
        return next((device for device in devices if device.is_default), devices[0])
    if isinstance(wanted, int) or wanted.isdigit():
        fitting = [device for device in devices if device.index == int(wanted)]
    else:
        fitting = _by_name(wanted, devices)
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(f"{device.index}: {device.name}" for device in (fitting or devices))
    problem = "fits several" if fitting else "fits none"
    raise AudioDeviceError(f"audio.device: {wanted!r} {problem} of the sound devices; there are {names}")


def _by_name(wanted: str, devices: Sequence[OutputDevice]) -> list[OutputDevice]:
    """Prefer the whole name over the beginning of one, and that over any part."""
    name = wanted.lower()
    for fits in (str.__eq__, str.startswith, str.__contains__):
        fitting = [device for device in devices if fits(device.name.lower(), name)]
        if fitting:
            return fitting
    return []
