"""Judge one take (a played level, a rendered video) against its true sound.

Called by ``demo`` after playing. Needs no classifier network: numpy and scipy only.
"""

from __future__ import annotations

from dataclasses import dataclass

from sr_runtime.evaluate.onsets import detect_onsets
from sr_runtime.evaluate.paired import loudness_correlation
from sr_runtime.evaluate.sync import OnsetPair, chance_f1, pooled_f1
from sr_runtime.types import SAMPLE_RATE, Audio


@dataclass(frozen=True)
class TakeMetrics:
    """What one take's sound is worth.

    Attributes:
        onset_f1: F1 of its onsets at 50 ms against those of the true sound, 0..1.
        chance: The same after circular time shifts: dense play reaches 0.4–0.6 by luck.
        loudness_corr: Pearson's r of per-second loudness, −1..1.
    """

    onset_f1: float
    chance: float
    loudness_corr: float


def judge_take(generated: Audio, true: Audio, shifts: int = 20) -> TakeMetrics:
    """Compare a take with the true sound of the same frames.

    A surplus at the end of the longer one is ignored.

    Args:
        generated: float32 (samples, 2), 48 kHz, −1..1, beginning with the first frame's hop.
        true: float32 (samples, 2), 48 kHz, −1..1, beginning with the same hop.
        shifts: Time shifts behind ``chance``.

    Returns:
        The metrics.
    """
    length = min(len(generated), len(true))
    ours, theirs = generated[:length], true[:length]
    pair = OnsetPair(detect_onsets(ours), detect_onsets(theirs), max(length, 1) / SAMPLE_RATE)
    return TakeMetrics(pooled_f1([pair]), chance_f1([pair], shifts), loudness_correlation(ours, theirs))
