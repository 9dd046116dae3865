"""Settings: presets, ranges, and messages that name the key, the range and the value."""

from __future__ import annotations

import msgspec
import pytest

from sr_runtime.audio import AudioSettings
from sr_runtime.errors import ConfigError


@pytest.mark.parametrize(
    ("latency", "ms", "frames"),
    [("low", 67, 3216), ("balanced", 83, 3984), ("safe", 133, 6384), (50, 50, 2400)],
)
def test_a_preset_or_a_number_gives_the_latency(latency: str | float, ms: float, frames: int) -> None:
    settings = AudioSettings(latency=latency)
    assert (settings.latency_ms, settings.target_frames) == (ms, frames)


def test_a_number_as_text_is_a_number() -> None:
    assert AudioSettings(latency="120").latency_ms == 120


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"latency": 5}, r"audio\.latency_ms: expected 20–500, got 5$"),
        ({"latency": "501"}, r"audio\.latency_ms: expected 20–500, got 501$"),
        ({"latency": float("nan")}, r"audio\.latency_ms: expected 20–500, got nan$"),
        ({"latency": "fast"}, r"audio\.latency: expected low, balanced, safe or 20–500 \(ms\), got 'fast'$"),
        ({"blocksize": 0}, r"audio\.blocksize: expected 32–4096, got 0$"),
        ({"file": "take.mp3"}, r"audio\.file: expected a name ending in \.wav or \.flac, got 'take\.mp3'$"),
    ],
)
def test_a_wrong_value_is_told_with_its_key(wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AudioSettings(**wrong)  # type: ignore[arg-type]


def test_settings_survive_the_way_to_the_audio_process() -> None:
    settings = AudioSettings(device=3, latency=90.5, blocksize=256, file="take.flac")
    assert msgspec.json.decode(msgspec.json.encode(settings), type=AudioSettings) == settings


def test_a_misspelt_setting_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="latncy"):
        msgspec.convert({"latncy": "low"}, AudioSettings)


def test_a_low_latency_asks_the_device_for_smaller_blocks() -> None:
    assert AudioSettings(latency="low").block_frames == 240
    assert AudioSettings(latency="balanced").block_frames == 480
    assert AudioSettings(latency="low", blocksize=128).block_frames == 128
