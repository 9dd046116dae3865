"""Play frames to a live runtime in real time and put the sound that comes back beside them.

Used by ``demo``, ``bench`` and the soak test. One thread: it sends, and listens while it waits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from sr_bridge import Client
from sr_bridge.client import AudioHop
from sr_bridge.media import REPEATED_FRAME
from sr_bridge.messages import Status

from sr_runtime.figures import JsonMap
from sr_runtime.live.pace import Pace
from sr_runtime.picture import stretch
from sr_runtime.types import CHANNELS, HOP_SAMPLES, Audio, Frame

_NS_PER_S = 1_000_000_000

# The last hops are still being computed when the last frame has been sent.
_TAIL_S = 0.5

_MOVED_HOPS = 3
_FIRST_HOPS = 30

# Status is asked for this often: each answer covers the runtime's last seconds.
_STATUS_EVERY = 60


@dataclass
class LiveTake:
    """What came back from a runtime while frames were played to it.

    Attributes:
        frames: Frames sent.
        hops: Sound that came back, in order.
        statuses: The runtime's own account, every two seconds.
        late_ns: How late each frame was sent against its beat.
        round_trips_ms: From a frame's capture to its sound's arrival here, for each hop with a new frame.
    """

    frames: int = 0
    hops: list[AudioHop] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    late_ns: list[int] = field(default_factory=list)
    round_trips_ms: list[float] = field(default_factory=list)

    def listen(self, client: Client, timeout_s: float) -> None:
        """Gather the sound that has come, waiting at most so long for some."""
        hops = client.poll_audio(timeout_s)
        now_ns = time.monotonic_ns()
        self.hops += hops
        self.round_trips_ms += [
            (now_ns - hop.capture_ns) / 1e6 for hop in hops if hop.seq and not hop.flags & REPEATED_FRAME
        ]

    def sound(self) -> Audio:
        """Return float32 (1600 · frames, 2): the sound on the frames' own time line.

        Frame i (0-based) is heard in samples [1600 i, 1600 i + 1600) as in a file. The runtime's hop clock
        runs freely against the source's, so an offset places the hops; skipped ones stay silent. It stays
        the same until a new frame comes 100 ms off its place: then the source has fallen behind (a game on
        a machine that is too slow for it), and what follows moves with its pictures.
        """
        track = np.zeros((self.frames * HOP_SAMPLES, CHANNELS), np.float32)
        heard = [hop for hop in self.hops if hop.seq > 0]
        offset = _first_offset(heard)
        newest = 0
        for hop in heard:
            if hop.seq > newest and abs(_offset(hop) - offset) >= _MOVED_HOPS:
                offset = _offset(hop)
            newest = hop.seq
            start = (hop.hop - offset) * HOP_SAMPLES
            if 0 <= start <= len(track) - HOP_SAMPLES:
                track[start : start + HOP_SAMPLES] = hop.audio
        return track


def _offset(hop: AudioHop) -> int:
    return hop.hop - (hop.seq - 1)


def _first_offset(hops: list[AudioHop]) -> int:
    """Return the median of the first second, which a single late frame does not move."""
    return round(float(np.median([_offset(hop) for hop in hops[:_FIRST_HOPS]]))) if hops else 0


def play_live(
    client: Client,
    frames: Iterable[Frame],
    *,
    on_frame: Callable[[int], None] = lambda index: None,
) -> LiveTake:
    """Send frames at 30 per second and gather the sound.

    A source that falls behind catches up in a burst, of which the runtime hears the newest: the time line is
    the wall clock's, as in a game.

    Args:
        client: Connected, in live mode, with the sound coming back (``play`` is engine or both).
        frames: uint8 (height, width, 3) each, any size; shrunk here to what the runtime wants.
        on_frame: Called after each frame that was sent, with its index.
    """
    welcome = client.connect()
    take = LiveTake()
    source = iter(frames)
    first = next(source, None)
    if first is None:
        return take
    pace = Pace()  # only now: a game takes seconds to start
    for index, frame in enumerate(chain([first], source)):
        picture = stretch(frame, welcome.picture_width, welcome.picture_height)
        _listen_until(client, take, pace, index + 1)
        take.late_ns.append(-pace.until_ns(index + 1))
        take.frames += client.send_frame(picture)
        if index % _STATUS_EVERY == _STATUS_EVERY - 1:
            take.statuses.append(client.status())
        on_frame(index)
    end = time.monotonic() + _TAIL_S
    while time.monotonic() < end:
        take.listen(client, 0.05)
    take.statuses.append(client.status())
    return take


def _listen_until(client: Client, take: LiveTake, pace: Pace, beat: int) -> None:
    while (remaining_ns := pace.until_ns(beat)) > 0:
        take.listen(client, remaining_ns / _NS_PER_S)


def latency_figures(status: Status) -> JsonMap:
    """Return ``frame_to_sample_ms`` as the JSON has it; None where the runtime could not measure it."""
    values = {"p50": status.frame_to_sample_ms_p50, "p95": status.frame_to_sample_ms_p95}
    return {name: round(value, 1) if value else None for name, value in values.items()}


def hop_figures(status: Status) -> JsonMap:
    """Return what a status message knows of the hop times, for a runtime that left no figures of its own."""
    return {
        "hop_ms": {"p50": round(status.hop_ms_p50, 3), "p99": round(status.hop_ms_p99, 3), "worst": None},
        "after_frame_ms": {"p50": round(status.after_frame_ms_p50, 3), "p99": None},
        "stage_ms": None,
        "misses": None,
        "hops": status.hop,
    }
