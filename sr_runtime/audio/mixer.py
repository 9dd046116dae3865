"""Several sessions into one sound: a strip per session (gain, mute, guard), one limiter for all.

Called once per hop by the server's inference loop, which gives the result to a sink.

Thread: inference. ``set_gain`` and ``set_mute`` may come from any thread.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np

from sr_runtime.audio.fades import FADE_OUT_FRAMES, fade_in, tail
from sr_runtime.audio.gain import DCBlock, Limiter, SmoothedGain, bounded, is_sound
from sr_runtime.errors import ConfigError, SessionError
from sr_runtime.types import CHANNELS, HOP_SAMPLES, Audio

MAX_GAIN = 4.0
"""+12 dB."""


class Strip:
    """One session's way into the mix: guard → DC block → gain, with fades where hops are missing.

    Attributes:
        bad_hops: hops with NaN or Inf, played as silence.
        missing_hops: hops that the session did not deliver.
    """

    def __init__(self, gain: float) -> None:
        self.bad_hops = 0
        self.missing_hops = 0
        self._gain = gain
        self._mute = False
        self._smoothed = SmoothedGain(gain)
        self._dc = DCBlock()
        self._last = np.zeros((1, CHANNELS), np.float32)
        self._was_silent = True

    @property
    def gain(self) -> float:
        """Factor asked for, whether muted or not."""
        return self._gain

    @gain.setter
    def gain(self, gain: float) -> None:
        self._gain = gain
        self._aim()

    @property
    def mute(self) -> bool:
        """Whether the session is silenced."""
        return self._mute

    @mute.setter
    def mute(self, mute: bool) -> None:
        self._mute = mute
        self._aim()

    def _aim(self) -> None:
        self._smoothed.target = 0.0 if self._mute else self._gain

    def take(self, hop: Audio | None) -> Audio | None:
        """Return what this session adds to the mix, float32 (1600, 2), or None for nothing."""
        if hop is not None and not is_sound(hop):
            self.bad_hops += 1
            hop = None
        if hop is None:
            return self._fade_out()
        hop = self._dc.apply(bounded(hop))
        if self._was_silent:
            hop = fade_in(hop)
            self._was_silent = False
        out = self._smoothed.apply(hop)
        self._last = out[-1:].copy()
        return out

    def _fade_out(self) -> Audio | None:
        """Continue the last sample to zero once, then be nothing."""
        if self._was_silent:
            return None
        self.missing_hops += 1
        self._was_silent = True
        self._dc = DCBlock()
        out = np.zeros((HOP_SAMPLES, CHANNELS), np.float32)
        out[:FADE_OUT_FRAMES] = tail(self._last)
        return out


class Mixer:
    """Mix the hops of any number of sessions under one limiter.

    Example:
        >>> mixer = Mixer()
        >>> mixer.add("doom", gain=0.5)
        >>> hop = mixer.mix({"doom": np.zeros((1600, 2), np.float32)})
        >>> hop.shape
        (1600, 2)
    """

    def __init__(self) -> None:
        self._strips: dict[Hashable, Strip] = {}
        self._leaving: list[Strip] = []
        self._limiter = Limiter()

    def __contains__(self, session: Hashable) -> bool:
        return session in self._strips

    def __len__(self) -> int:
        return len(self._strips)

    def add(self, session: Hashable, gain: float = 1.0) -> None:
        """Give a session a strip; its first hop is faded in.

        Raises:
            ConfigError: gain outside 0–4.
            SessionError: the session has a strip already.
        """
        if session in self._strips:
            raise SessionError(f"session {session!r} is in the mixer already; remove it first")
        self._strips[session] = Strip(_checked_gain(gain))

    def remove(self, session: Hashable) -> None:
        """Take a session out; what it played last is faded out in the next mix. Unknown ones are ignored."""
        strip = self._strips.pop(session, None)
        if strip is not None:
            self._leaving.append(strip)

    def set_gain(self, session: Hashable, gain: float) -> None:
        """Glide a session's gain to 0–4 (1 = unchanged).

        Raises:
            ConfigError: gain outside 0–4.
            SessionError: no such session.
        """
        self.strip_of(session).gain = _checked_gain(gain)

    def set_mute(self, session: Hashable, mute: bool) -> None:
        """Silence a session or bring it back, without a click.

        Raises:
            SessionError: no such session.
        """
        self.strip_of(session).mute = mute

    def strip_of(self, session: Hashable) -> Strip:
        """Return a session's strip: its gain, mute and counters.

        Raises:
            SessionError: no such session.
        """
        try:
            return self._strips[session]
        except KeyError:
            raise SessionError(f"session {session!r} is not in the mixer; add it first") from None

    @property
    def limited_hops(self) -> int:
        """Hops in which the limiter had to act."""
        return self._limiter.limited_hops

    def mix(self, hops: Mapping[Hashable, Audio | None]) -> Audio:
        """Mix one hop.

        Args:
            hops: session → float32 (1600, 2), or None (or absent) where a session delivered nothing.
                Sessions without a strip are ignored.

        Returns:
            float32 (1600, 2), every sample finite and within ±0.98.
        """
        total = np.zeros((HOP_SAMPLES, CHANNELS), np.float32)
        parts = [strip.take(hops.get(session)) for session, strip in list(self._strips.items())]
        parts += [strip.take(None) for strip in self._leaving]
        self._leaving.clear()
        for part in parts:
            if part is not None:
                total += part
        return self._limiter.apply(total)


def _checked_gain(gain: float) -> float:
    if not 0.0 <= gain <= MAX_GAIN:
        raise ConfigError(f"gain: expected 0–{MAX_GAIN:g}, got {gain:g}")
    return float(gain)
