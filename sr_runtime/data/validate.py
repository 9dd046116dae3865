"""Check a clip store: do picture and sound belong together, are levels sane, which clips are of no use?

Called by ``sr-runtime record validate``. The lag is measured without any labels: a flash, a shot or an
explosion brightens the picture and raises the sound, so the two rises correlate best at the true lag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import simplejpeg

from sr_runtime.data.store import Clip
from sr_runtime.errors import DataError
from sr_runtime.types import CHANNELS, HOP_HZ, HOP_SAMPLES, SAMPLE_RATE

MAX_LAG = 8
"""Lags are searched from −8 to +8 hops (±267 ms)."""
SILENT_RMS = 1e-4
"""A hop below −80 dBFS counts as silent."""
SURE_R = 0.3
"""A single clip's lag is trusted from this correlation on; below it, chance peaks elsewhere."""
MAX_CLICK_RATE = 3.0
"""Onsets a second up to which clicks tell a lag: in denser play neighbours overlap."""
MAX_CLIPPED = 0.01
SOUNDING_DBFS, PANNED_DB = -45.0, 3.0
BALANCE_EDGES_DB = (-60.0, -18.0, -12.0, -9.0, -6.0, -3.0, -1.0, 1.0, 3.0, 6.0, 9.0, 12.0, 18.0, 60.0)
"""Bins of the level difference between the channels."""
THUMBNAIL = 28
"""Pixels per side at which pictures are compared: JPEG decodes an eighth of 224 directly."""

Signal = npt.NDArray[np.float64]


class ClipReport(msgspec.Struct, kw_only=True):
    """What was measured on one clip. ``reasons`` is empty for a clip that can be used.

    Attributes:
        lag_hops: hops by which sound follows its picture; 0 is right.
        lag_r: correlation at that lag.
        click_lag_ms: sound's rise against the click ground truth, if there is any.
        panned_share: share of the hops above −45 dBFS whose channels differ by 3 dB or more.
        balance_counts: such hops by left minus right in dB, counted between :data:`BALANCE_EDGES_DB`.
        onsets_per_s: exact if there are clicks, else rises of at least 6 dB.
    """

    clip_id: str
    kind: str
    split: str
    seconds: float = 0.0
    peak_dbfs: float = -120.0
    rms_dbfs: float = -120.0
    silent_share: float = 1.0
    clipped_share: float = 0.0
    panned_share: float = 0.0
    balance_counts: list[int] = []
    onsets_per_s: float = 0.0
    lag_hops: int = 0
    lag_r: float = 0.0
    click_lag_ms: float | None = None
    cuts: int = 0
    reasons: list[str] = []
    correlation: list[float] = []
    """Picture-to-sound correlation at lags −8 … +8, for pooling."""


class StoreReport(msgspec.Struct, kw_only=True):
    """All clips' reports, and the lag over all of them together."""

    clips: list[ClipReport]
    lag_hops: int
    lag_r: float

    @property
    def rejected(self) -> list[ClipReport]:
        """Return the clips that should not be trained on."""
        return [clip for clip in self.clips if clip.reasons]


def validate_store(clips: Iterable[Clip]) -> StoreReport:
    """Return the report on all clips; see :func:`validate_clips` for one at a time."""
    return pool(list(validate_clips(clips)))


def validate_clips(clips: Iterable[Clip]) -> Iterator[ClipReport]:
    """Measure clips one after the other and yield each one's report."""
    for clip in clips:
        try:
            yield _measure(clip)
        except (DataError, OSError, ValueError, RuntimeError, IndexError) as error:
            yield ClipReport(
                clip_id=clip.clip_id, kind=clip.meta.kind, split=clip.split, reasons=[f"unreadable: {error}"]
            )


def pool(reports: list[ClipReport]) -> StoreReport:
    """Combine clips' reports: the common lag is where the mean correlation is highest."""
    curves = [r.correlation for r in reports if r.correlation]
    if not curves:
        return StoreReport(clips=reports, lag_hops=0, lag_r=0.0)
    mean = np.mean(curves, axis=0)
    return StoreReport(clips=reports, lag_hops=int(mean.argmax()) - MAX_LAG, lag_r=float(mean.max()))


def lag_correlation(picture_change: Signal, sound_rise: Signal) -> Signal:
    """Return the correlation of the two signals at lags −8 … +8 hops; positive: sound follows the picture."""
    n, values = len(picture_change), []
    for lag in range(-MAX_LAG, MAX_LAG + 1):
        a = picture_change[max(0, -lag) : n - max(0, lag)]
        b = sound_rise[max(0, lag) : n - max(0, -lag)]
        spread = float(a.std() * b.std()) if len(a) > 1 else 0.0
        values.append(float(((a - a.mean()) * (b - b.mean())).mean()) / spread if spread > 0 else 0.0)
    return np.asarray(values)


def _measure(clip: Clip) -> ClipReport:
    sound = clip.audio()
    if sound.shape != (clip.hops * HOP_SAMPLES, CHANNELS):
        raise DataError(f"sound has {len(sound)} samples, expected {clip.hops * HOP_SAMPLES}")
    wave = sound.astype(np.float64) / 32768.0
    hop_rms = np.sqrt((wave.reshape(clip.hops, -1) ** 2).mean(axis=1))
    rise, change = _sound_rise(hop_rms), _picture_change(clip)
    curve = lag_correlation(change, rise)
    clicks = clip.click_onsets_s
    balance = _balance_db(wave)
    report = ClipReport(
        clip_id=clip.clip_id,
        kind=clip.meta.kind,
        split=clip.split,
        seconds=clip.hops / HOP_HZ,
        peak_dbfs=_db(np.abs(wave).max()),
        rms_dbfs=_db(np.sqrt((wave**2).mean())),
        silent_share=float((hop_rms < SILENT_RMS).mean()),
        clipped_share=float((np.abs(wave) > 0.999).mean()),
        panned_share=float((np.abs(balance) >= PANNED_DB).mean()) if len(balance) else 0.0,
        balance_counts=np.histogram(balance, BALANCE_EDGES_DB)[0].tolist(),
        onsets_per_s=(len(clicks) if clicks is not None else float((rise > 0.6).sum())) / clip.hops * HOP_HZ,
        lag_hops=int(curve.argmax()) - MAX_LAG,
        lag_r=float(curve.max()),
        click_lag_ms=_click_lag_ms(wave, clicks),
        cuts=len(clip.cuts),
        correlation=[round(float(v), 4) for v in curve],
    )
    report.reasons = _reasons(report, change)
    return report


def _reasons(report: ClipReport, change: Signal) -> list[str]:
    reasons = []
    if report.silent_share == 1.0 and report.kind != "quiet":
        reasons.append("silent throughout")
    if report.clipped_share > MAX_CLIPPED:
        reasons.append(f"{100 * report.clipped_share:.1f} % of samples at full scale")
    if not (change > 0).any():
        reasons.append("the picture never changes")
    at_zero = report.correlation[MAX_LAG]
    if abs(report.lag_hops) > 1 and report.lag_r >= SURE_R and at_zero < 0.5 * report.lag_r:
        reasons.append(f"sound is {report.lag_hops:+d} hops from its picture (r {report.lag_r:.2f})")
    if report.click_lag_ms is not None and abs(report.click_lag_ms) > 20.0:
        reasons.append(f"sound is {report.click_lag_ms:+.0f} ms from the click ground truth")
    return reasons


def _sound_rise(hop_rms: Signal) -> Signal:
    """Return how much louder each hop is than the one before, in bels; falls count as 0."""
    level = 2.0 * np.log10(hop_rms + 1e-3)
    return np.maximum(np.diff(level, prepend=level[:1]), 0.0)


def _balance_db(wave: Signal) -> Signal:
    """Return left minus right in dB of every hop above −45 dBFS, within ±60 dB."""
    power = (wave.reshape(-1, HOP_SAMPLES, CHANNELS) ** 2).mean(axis=1)
    level = 10.0 * np.log10(power + 1e-12)
    sounding = level[level.max(axis=1) > SOUNDING_DBFS]
    difference = sounding[:, 0] - sounding[:, 1]
    return np.asarray(np.clip(difference, BALANCE_EDGES_DB[0], BALANCE_EDGES_DB[-1]))


def _picture_change(clip: Clip) -> Signal:
    """Return how much brighter each picture is than the one before; 0 at cuts, which make no sound.

    The mean brightness, since flashes change it and turning does not; only its rise, since a flash also ends.
    """
    data = (clip.path / "frames.mjpeg").read_bytes()
    spans = zip(clip.meta.offsets, clip.meta.offsets[1:], strict=False)
    small = np.stack([_thumbnail(data[start:end]) for start, end in spans])
    brightness = small.mean(axis=(1, 2))
    change = np.maximum(np.diff(brightness, prepend=brightness[:1]), 0.0)
    change[[cut for cut in clip.cuts if cut < len(change)]] = 0.0
    return np.asarray(np.minimum(change, 20.0))


def _thumbnail(jpeg: bytes) -> Signal:
    grey: Any = simplejpeg.decode_jpeg(
        jpeg, colorspace="GRAY", fastdct=True, fastupsample=True, min_height=THUMBNAIL, min_width=THUMBNAIL
    )
    return np.asarray(grey[..., 0], np.float64)


def _click_lag_ms(wave: Signal, clicks: Signal | None) -> float | None:
    """Return by how much the sound's rises follow the clicks, by cross-correlating trains of 5 ms steps."""
    if clicks is None or len(clicks) > MAX_CLICK_RATE * len(wave) / SAMPLE_RATE:
        return None
    step = SAMPLE_RATE // 200
    power = (wave[: len(wave) // step * step].reshape(-1, step * CHANNELS) ** 2).mean(axis=1)
    level = np.log10(power + 1e-7)
    rises = np.maximum(np.diff(level, prepend=level[:1]), 0.0)
    train = np.zeros(len(rises))
    train[[int(t * 200) for t in clicks if t * 200 < len(train)]] = 1.0
    if train.sum() < 5 or rises.max() == 0:
        return None
    lags = range(-40, 41)
    score = [float((train * np.roll(rises, -lag)).sum()) for lag in lags]
    return 5.0 * (int(np.argmax(score)) - 40)


def _db(level: float) -> float:
    return round(20.0 * float(np.log10(max(level, 1e-6))), 1)
