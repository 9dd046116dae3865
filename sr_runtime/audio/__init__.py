"""Sound out: hops of 1600 samples in, a sound card, a file or nothing at the other end.

    Mixer → AudioPlayer ──shared memory──► audio process (resampling to the card's clock) → device
          ↘ WavSink

Imports neither torch nor anything of the server.
"""

from sr_runtime.audio.mixer import Mixer
from sr_runtime.audio.settings import AudioSettings
from sr_runtime.audio.sinks import AudioPlayer, NullSink, Sink, Tee, WavSink, open_sink
from sr_runtime.audio.stats import PlayerStats

__all__ = [
    "AudioPlayer",
    "AudioSettings",
    "Mixer",
    "NullSink",
    "PlayerStats",
    "Sink",
    "Tee",
    "WavSink",
    "open_sink",
]
