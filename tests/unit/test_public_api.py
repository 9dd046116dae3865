"""The public names are a promise: this list changes only together with the CHANGELOG."""

from __future__ import annotations

import subprocess
import sys

import pytest

import sr_runtime

PUBLIC_NAMES = {
    "AudioPlayer",
    "AudioSettings",
    "Bundle",
    "Engine",
    "HOP_SAMPLES",
    "SAMPLE_RATE",
    "Session",
    "SoundReactorError",
    "WavSink",
    "load_bundle",
}


def test_the_public_names_are_these_and_at_most_ten():
    assert set(sr_runtime.__all__) == PUBLIC_NAMES
    assert len(PUBLIC_NAMES) <= 10


@pytest.mark.parametrize("name", sorted(PUBLIC_NAMES))
def test_every_public_name_can_be_imported_and_is_documented(name):
    value = getattr(sr_runtime, name)
    assert isinstance(value, int) or value.__doc__


def test_an_unknown_name_says_what_there_is():
    with pytest.raises(AttributeError, match=r"no attribute 'nonsense'.*load_bundle"):
        _ = sr_runtime.nonsense


def test_importing_the_package_imports_nothing_heavy():
    heavy = ("numpy", "onnxruntime", "torch", "zmq")
    code = f"import sys, sr_runtime; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
