"""The golden messages: up to date, and read back as what their JSON says."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sr_bridge.media import parse_audio, parse_frame
from sr_bridge.messages import decode

VECTORS = Path(__file__).resolve().parents[2] / "bridge" / "vectors"
NAMES = sorted(path.stem for path in VECTORS.glob("*.bin"))


def load_make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vectors_make", VECTORS / "make.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read(name: str) -> tuple[bytes, dict[str, Any]]:
    return (VECTORS / f"{name}.bin").read_bytes(), json.loads((VECTORS / f"{name}.json").read_text())


def test_the_vectors_on_disk_are_those_of_make() -> None:
    made = load_make().vectors()
    assert sorted(made) == NAMES, "run: python bridge/vectors/make.py"
    for name, (data, meaning) in made.items():
        assert read(name) == (data, json.loads(json.dumps(meaning))), "run: python bridge/vectors/make.py"


def test_every_kind_of_message_has_a_vector() -> None:
    assert {read(name)[0][0] for name in NAMES} == set(range(1, 11))


@pytest.mark.parametrize("name", NAMES)
def test_each_vector_reads_as_its_json_says(name: str) -> None:
    data, meaning = read(name)
    kind = meaning.pop("kind")
    payload = meaning.pop("payload", None)
    if kind == "frame":
        frame = parse_frame(data)
        assert asdict(frame.header) == meaning
        assert bytes(frame.payload) == bytes(i % 251 for i in range(len(frame.payload)))
    elif kind == "audio":
        sound = parse_audio(data)
        assert asdict(sound.header) == meaning
        np.testing.assert_allclose(sound.audio, payload, atol=0.5 / 32767 if meaning["format"] == 2 else 0)
    else:
        message = decode(data)
        assert message.KIND.name.lower() == kind
        assert {key: getattr(message, key) for key in meaning} == meaning
