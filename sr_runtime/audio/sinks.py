"""All the places that sound can go to, under one interface, and several of them at once."""

from __future__ import annotations

from sr_runtime.audio.null import NullSink
from sr_runtime.audio.player import AudioPlayer
from sr_runtime.audio.settings import AudioSettings
from sr_runtime.audio.sink import Sink
from sr_runtime.audio.stats import PlayerStats
from sr_runtime.audio.wav import WavSink
from sr_runtime.types import Audio

__all__ = ["AudioPlayer", "NullSink", "Sink", "Tee", "WavSink", "open_sink"]


class Tee:
    """Writes every hop to several sinks; its stats are the first one's.

    Args:
        first: the sink whose stats count, usually the sound card.
        others: the rest, usually a file.
    """

    def __init__(self, first: Sink, *others: Sink) -> None:
        self.sinks = (first, *others)

    def start(self) -> PlayerStats:
        """Start all of them; returns what became of the first."""
        first, *_ = [sink.start() for sink in self.sinks]
        return first

    def write(self, hop: Audio, capture_ns: int = 0, hop_index: int | None = None) -> None:
        """Hand the hop to each."""
        for sink in self.sinks:
            sink.write(hop, capture_ns, hop_index)

    def pause(self) -> None:
        """Pause each."""
        for sink in self.sinks:
            sink.pause()

    def stats(self) -> PlayerStats:
        """Return the first sink's snapshot."""
        return self.sinks[0].stats()

    def close(self) -> None:
        """Close all of them, the last one first, even if one fails."""
        failure: Exception | None = None
        for sink in reversed(self.sinks):
            try:
                sink.close()
            except Exception as error:  # the others still have files and processes to give back
                failure = error
        if failure is not None:
            raise failure


def open_sink(settings: AudioSettings) -> Sink:
    """Make and start what the settings ask for: the sound card, and a file beside it if one is named.

    Raises:
        DataError: the file cannot be written.
    """
    player = AudioPlayer(settings)
    sink: Sink = player if settings.file is None else Tee(player, WavSink(settings.file))
    sink.start()
    return sink
