"""SoundReactor Runtime: frames in, 48 kHz stereo out, live.

The public API is what ``__all__`` names. Each name is imported when first used, so that
``import sr_runtime`` costs nothing.

Example:
    In process, without sockets (a simulator, a world model)::

        import sr_runtime

        engine = sr_runtime.Engine(sr_runtime.load_bundle("default"))
        engine.warm_up()
        session = engine.open_session(seed=0)
        audio = session.step(frame)  # uint8 (height, width, 3) -> float32 (1600, 2)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sr_runtime.audio.player import AudioPlayer
    from sr_runtime.audio.settings import AudioSettings
    from sr_runtime.audio.wav import WavSink
    from sr_runtime.engine.bundle import Bundle, load_bundle
    from sr_runtime.engine.session import Engine, Session
    from sr_runtime.errors import SoundReactorError
    from sr_runtime.types import HOP_SAMPLES, SAMPLE_RATE

__all__ = [
    "HOP_SAMPLES",
    "SAMPLE_RATE",
    "AudioPlayer",
    "AudioSettings",
    "Bundle",
    "Engine",
    "Session",
    "SoundReactorError",
    "WavSink",
    "load_bundle",
]

_HOME = {
    "HOP_SAMPLES": "sr_runtime.types",
    "SAMPLE_RATE": "sr_runtime.types",
    "AudioPlayer": "sr_runtime.audio.player",
    "AudioSettings": "sr_runtime.audio.settings",
    "WavSink": "sr_runtime.audio.wav",
    "Bundle": "sr_runtime.engine.bundle",
    "load_bundle": "sr_runtime.engine.bundle",
    "Engine": "sr_runtime.engine.session",
    "Session": "sr_runtime.engine.session",
    "SoundReactorError": "sr_runtime.errors",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'sr_runtime' has no attribute {name!r}; it offers {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    """List the public names without importing what stands behind them."""
    return sorted(__all__)
