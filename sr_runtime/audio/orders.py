"""What the runtime and the audio process agree on at its start."""

from __future__ import annotations

from typing import Final

import msgspec

from sr_runtime.audio.settings import AudioSettings

NO_PORTAUDIO_EXIT: Final = 3
"""The audio process's exit code when there is no PortAudio: starting it again would not help."""


class Orders(msgspec.Struct, frozen=True):
    """One line of JSON on the audio process's stdin.

    Attributes:
        settings: what to play on.
        ring: name of the shared memory with the hops.
        board: name of the shared memory for the stats.
        parent_pid: the runtime's process id.
        interrupted_ns: when an earlier audio process broke off, 0 = this is the first.
    """

    settings: AudioSettings
    ring: str
    board: str
    parent_pid: int
    interrupted_ns: int = 0
