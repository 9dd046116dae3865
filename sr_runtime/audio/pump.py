"""Move sound from the shared ring to the device's callback, every 3 ms, at the pace of the device.

    shared ring → hop queue → (skip) → resampler → local ring → callback
                     └──────────── level ───────────────┘ → PI control → ratio

Runs in the audio process. Knows nothing of sounddevice or processes; time is an argument.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np

from sr_runtime.audio.control import (
    SEED_HOPS,
    LatencyTarget,
    PIController,
    SkipPolicy,
    measured_deviation,
)
from sr_runtime.audio.fades import FADE_IN_FRAMES, FADE_OUT_FRAMES, RISE_IN
from sr_runtime.audio.gain import is_sound
from sr_runtime.audio.hops import HopQueue
from sr_runtime.audio.local import LocalRing
from sr_runtime.audio.resample import DELAY_FRAMES, DriftResampler
from sr_runtime.audio.ring import FLAG_PAUSE, SharedRing
from sr_runtime.audio.settings import AudioSettings
from sr_runtime.audio.stats import PlayerStats, SinkState, Window
from sr_runtime.types import HOP_SAMPLES, SAMPLE_RATE, Audio

PIECE_FRAMES: Final = 480
HEADROOM_FRAMES: Final = 8
"""The resampler gives up to 0.5 % more than it takes, 3 frames in 480."""

CONTROL_PERIOD_S: Final = 0.010
LATENCY_HOPS: Final = 300
LEVEL_TICKS: Final = 1000
"""10 s of levels and latencies are summarised."""


class Pump:
    """Everything between the shared ring and the callback.

    Args:
        ring: where hops come from.
        settings: target and block size.
        interrupted_ns: when the sound broke off because an earlier audio process died; 0 = it did not.

    Attributes:
        local: what the callback reads from.
        state: priming, playing or idle.

    Thread: pump.
    """

    def __init__(self, ring: SharedRing, settings: AudioSettings, interrupted_ns: int = 0) -> None:
        self.local = LocalRing(_local_frames(settings))
        self.state: SinkState = "idle"
        self._ring = ring
        self._hops = HopQueue()
        self._resampler = DriftResampler()
        self._target = LatencyTarget(settings.target_frames)
        self._control = PIController(settings.target_frames)
        self._skips = SkipPolicy()
        self._interrupted_ns = interrupted_ns
        self._last_control_ns = 0
        self._pause_follows = True
        self._rise_at = FADE_IN_FRAMES
        self._arrivals_ns: deque[int] = deque(maxlen=SEED_HOPS)
        self._seeded = False
        self._short_seen = 0
        self._underruns = 0
        self._gap_frames = 0.0
        self._skip_count = 0
        self._skip_frames = 0
        self._marks: deque[tuple[int, int]] = deque(maxlen=64)
        self._levels = Window(LEVEL_TICKS)
        self._latencies = Window(LATENCY_HOPS)

    @property
    def level_frames(self) -> float:
        """Sound waiting everywhere between the producer and the device."""
        return self._hops.frames + DELAY_FRAMES + self.local.level + self._ring.waiting * HOP_SAMPLES

    def tick(self, now_ns: int, stream_offset_ns: int = 0) -> None:
        """Do what is to do now.

        Args:
            now_ns: ``time.monotonic_ns()``.
            stream_offset_ns: that clock minus the stream's clock.
        """
        self._receive()
        self._notice_gap(now_ns)
        if self.state != "playing":
            self._start_when_full(now_ns)
        if self.state == "playing":
            self._skip_surplus(now_ns)
            self._feed()
            self._follow_clock(now_ns)
        self._measure_latencies(stream_offset_ns)

    def hold(self, now_ns: int, was_playing: bool) -> None:
        """Stand by while there is no working device: keep only the newest sound.

        Args:
            now_ns: ``time.monotonic_ns()``.
            was_playing: the device was lost (the silence counts as a gap), not absent from the start.
        """
        self._receive()
        surplus = int(self._hops.frames - self._target.frames)
        if surplus > 0:
            self._hops.drop(surplus)
        if was_playing and not self._interrupted_ns and not self._pause_follows:
            self._interrupted_ns = now_ns
        self.state = "idle" if self._pause_follows else "priming"
        self._marks.clear()

    def fresh_device(self) -> None:
        """Begin on a device that was just opened; what lay ready for the old one is stale."""
        self.local = LocalRing(self.local.capacity)
        self._short_seen = 0
        self._marks.clear()
        self.state = "idle" if self._pause_follows else "priming"

    def _receive(self) -> None:
        while (chunk := self._ring.read()) is not None:
            self._pause_follows = bool(chunk.flags & FLAG_PAUSE)
            if self._pause_follows:
                self._arrivals_ns.clear()
                continue
            # One NaN would stay in the resampler's filter for a while.
            sound = chunk.sound if is_sound(chunk.sound) else np.zeros_like(chunk.sound)
            self._hops.push(sound, chunk.capture_ns)
            self._arrivals_ns.append(chunk.written_ns)
            if self.state == "idle":
                self.state = "priming"

    def _notice_gap(self, now_ns: int) -> None:
        """See whether the callback ran dry since the last tick, and whether that was meant."""
        short = self.local.short_frames - self._short_seen
        self._short_seen += short
        if not short:
            return
        if self.state == "playing":
            self.state = "idle" if self._pause_follows else "priming"
            self._control.restart()
            if self.state == "priming":
                self._count_underrun(now_ns)
        if self.state == "priming" and self._underruns:
            self._gap_frames += short

    def _count_underrun(self, now_ns: int) -> None:
        self._underruns += 1
        self._target.underrun(now_ns / 1e9)

    def _start_when_full(self, now_ns: int) -> None:
        """Begin to play once the target is reached, the fade of the last sound over."""
        if self.state == "idle" or self.local.level or (0 < self.local.gap_frames < FADE_OUT_FRAMES):
            return
        peak = self._target.frames + HOP_SAMPLES // 2
        surplus = int(self.level_frames - peak)
        if surplus < 0:
            return
        # Silence comes before, so the surplus of a hop goes unheard and the level is right from the start.
        self._hops.drop(surplus)
        self._resampler.restart()
        self.state = "playing"
        self._rise_at = 0
        self._last_control_ns = now_ns
        self._control.restart()
        self._feed()
        # The callback may have come up short while this went on; from here on it finds sound.
        self._short_seen = self.local.short_frames
        if self._interrupted_ns:
            self._underruns += 1
            self._gap_frames += (now_ns - self._interrupted_ns) * SAMPLE_RATE / 1e9
            self._interrupted_ns = 0

    def _skip_surplus(self, now_ns: int) -> None:
        frames = self._skips.frames_to_skip(self.level_frames, self._target.frames, now_ns / 1e9)
        if not frames:
            return
        blend = FADE_OUT_FRAMES if frames > SkipPolicy.PIECE_FRAMES else SkipPolicy.PIECE_FRAMES
        skipped = self._hops.skip(frames, blend)
        if skipped:
            self._skip_count += 1
            self._skip_frames += skipped
            if frames > SkipPolicy.PIECE_FRAMES:
                self._control.restart()

    def _feed(self) -> None:
        """Fill the local ring as far as there is sound."""
        while (room := self.local.free - HEADROOM_FRAMES) > 0:
            piece = self._hops.take(min(PIECE_FRAMES, room))
            if piece is None:
                return
            if piece.capture_ns:
                self._marks.append((self.local.written + DELAY_FRAMES, piece.capture_ns))
            self.local.write(self._safe(self._resampler.apply(piece.sound)))

    def _safe(self, sound: Audio) -> Audio:
        """Rise from silence after a gap; keep overshoot from the device."""
        sound = np.clip(sound, -1.0, 1.0)
        if self._rise_at < FADE_IN_FRAMES:
            n = min(len(sound), FADE_IN_FRAMES - self._rise_at)
            sound[:n] *= RISE_IN[self._rise_at : self._rise_at + n]
            self._rise_at += n
        return sound

    def _follow_clock(self, now_ns: int) -> None:
        dt_s = (now_ns - self._last_control_ns) / 1e9
        if dt_s < CONTROL_PERIOD_S:
            return
        self._last_control_ns = now_ns
        self._seed_once()
        self._target.update(now_ns / 1e9)
        self._control.target_frames = self._target.frames
        self._resampler.set_ratio(self._control.update(self.level_frames, dt_s))
        self._levels.add(self.level_frames * 1000 / SAMPLE_RATE)

    def _seed_once(self) -> None:
        if not self._seeded and len(self._arrivals_ns) == SEED_HOPS:
            self._seeded = True
            deviation = measured_deviation(list(self._arrivals_ns))
            if deviation:
                self._control.seed(deviation)

    def _measure_latencies(self, stream_offset_ns: int) -> None:
        """Compare each hop's capture time with the DAC time of its first sample, once that is known."""
        while self._marks and self._marks[0][0] < self.local.played:
            frame, capture_ns = self._marks.popleft()
            block = self.local.dac_time_s(frame)
            if block is None or block[1] <= 0:
                continue
            dac_ns = block[1] * 1e9 + (frame - block[0]) * 1e9 / SAMPLE_RATE + stream_offset_ns
            self._latencies.add((dac_ns - capture_ns) / 1e6)

    def stats(self) -> PlayerStats:
        """Return a snapshot of this side: state, underruns, level, drift, latency."""
        return PlayerStats(
            state=self.state,
            corrupt=self._ring.corrupt,
            underruns=self._underruns,
            gaps_ms=self._gap_frames * 1000 / SAMPLE_RATE,
            level_ms=self._levels.level(),
            target_ms=self._target.frames * 1000 / SAMPLE_RATE,
            ppm=self._control.ppm,
            skips=self._skip_count,
            skipped_ms=self._skip_frames * 1000 / SAMPLE_RATE,
            frame_to_sample_ms=self._latencies.frame_to_sample(),
        )


def _local_frames(settings: AudioSettings) -> int:
    """Return the local ring's size: as much of the target as possible, since it outlasts a late pump.

    At least 40 ms (a device asks for its whole buffer at once after a stall) and four blocks, at most 80 ms
    (what lies in it can no longer be skipped).
    """
    return max(1920, 4 * settings.blocksize, min(settings.target_frames, 3840))
