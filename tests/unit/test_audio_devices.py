"""Choosing a device by name or number, with messages that list what there is."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sr_runtime.audio.devices import resolve_device
from sr_runtime.audio.output import OutputDevice
from sr_runtime.cli import devices as devices_verb
from sr_runtime.errors import AudioDeviceError


def device(index: int, name: str, is_default: bool = False) -> OutputDevice:
    return OutputDevice(index, name, "ALSA", 2, 48000.0, is_default, 10.0)


DEVICES = [
    device(0, "HDMI"),
    device(2, "USB Headset", is_default=True),
    device(3, "USB Speakers"),
    device(4, "USB"),
]


@pytest.mark.parametrize(
    ("wanted", "index"),
    [(None, 2), (3, 3), ("0", 0), ("hdmi", 0), ("headset", 2), ("usb", 4), ("USB S", 3)],
)
def test_a_device_is_found_by_number_name_or_part_of_it(wanted: str | int | None, index: int) -> None:
    assert resolve_device(wanted, DEVICES).index == index


def test_without_a_default_the_first_is_taken() -> None:
    assert resolve_device(None, DEVICES[:1]).index == 0


def test_a_name_that_fits_several_lists_them() -> None:
    with pytest.raises(AudioDeviceError, match=r"'usb' fits several .*2: USB Headset, 3: USB Speakers$"):
        resolve_device("usb", DEVICES[:3])


def test_a_name_that_fits_none_lists_all() -> None:
    with pytest.raises(AudioDeviceError, match=r"audio\.device: 'drum' fits none .*0: HDMI, 2: USB Headset"):
        resolve_device("drum", DEVICES)


def test_no_device_at_all_is_told() -> None:
    with pytest.raises(AudioDeviceError, match="no sound device"):
        resolve_device(None, [])


def run_verb(*arguments: str) -> str:
    """Run the verb ``devices`` alone and return what it prints."""
    app = typer.Typer()
    devices_verb.register(app)
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0
    return " ".join(result.stdout.split())


def test_without_portaudio_the_verb_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert "pip install sounddevice" in run_verb()
    path = tmp_path / "devices.json"
    run_verb("--json", str(path))
    report = json.loads(path.read_text())
    assert report["devices"] == []
    assert "sounddevice is not installed" in report["problem"]


def test_the_verb_lists_devices_and_marks_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sr_runtime.audio.devices.query_outputs", lambda: DEVICES)
    printed = run_verb()
    assert "* │ 2 │ USB Headset" in printed
    assert len(json.loads(run_verb("--json", "-"))["devices"]) == 4
