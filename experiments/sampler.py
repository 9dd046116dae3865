"""Table 2: diffusion in many evaluations against consistency in one, two and four; which noise levels."""

from __future__ import annotations

from experiments.runner import main
from experiments.table import BASE, TUNED, Row, Table, Training
from sr_runtime.model.edm import CONSISTENCY_TIMES, karras_times
from sr_runtime.train.rollout import Sampling

GUIDANCE = 1.5
TWO = (0.2, 0.4, 0.821, 1.6, 3.2)
"""Second noise levels to choose from; 0.821 is that of the tuning's own recipe."""

FOUR = ((17.5, 2.5, 0.17), (5.0, 1.0, 0.2), (3.0, 0.8, 0.3), (2.0, 1.0, 0.5), (0.8, 0.5, 0.3))
"""Second to fourth noise levels to choose from; the first are the Karras grid's."""


TEMPERATURES = (0.8, 1.15)
"""Factors on the noise of four evaluations to choose from, besides 1."""

CORRELATIONS = ((0.3, 1.0), (0.5, 1.0), (0.5, 0.85))
"""Correlation of two evaluations' noise with that of the hop before, and a factor on it, to choose from."""


def _heun(steps: int) -> Sampling:
    return Sampling(GUIDANCE, heun_times=tuple(karras_times(steps)))


def _consistency(times: tuple[float, ...]) -> Sampling:
    return Sampling(GUIDANCE, consistency_times=times)


def _row(name: str, label: str, training: Training, sampling: Sampling, tuning: bool = False) -> Row:
    return Row(name, label, training, sampling, clips="tuning" if tuning else "report")


def _levels(times: tuple[float, ...]) -> str:
    return ", ".join(f"{time:g}" for time in times)


TABLE = Table(
    name="sampler",
    title="How many evaluations",
    question=(
        "Heun's sampler on the network of stage 1, and the consistency sampler on that of stage 2. "
        "Rows marked ‘tuning’ choose noise levels, a factor on the noise and its correlation from hop to "
        "hop, on validation clips that the other rows do not see."
    ),
    rows=(
        *(
            _row(f"heun-{2 * steps - 1}", f"diffusion, Heun, NFE {2 * steps - 1}", BASE, _heun(steps))
            for steps in (8, 16)
        ),
        *(
            _row(f"nfe-{nfe}", f"consistency, NFE {nfe}", TUNED, _consistency(CONSISTENCY_TIMES[nfe]))
            for nfe in (1, 2, 4)
        ),
        _row("one", "tuning: 80", TUNED, _consistency((80.0,)), tuning=True),
        *(
            _row(f"two-{time:g}", f"tuning: 80, {time:g}", TUNED, _consistency((80.0, time)), tuning=True)
            for time in TWO
        ),
        *(
            _row(
                f"four-{'-'.join(f'{time:g}' for time in times)}",
                f"tuning: 80, {_levels(times)}",
                TUNED,
                _consistency((80.0, *times)),
                tuning=True,
            )
            for times in FOUR
        ),
        *(
            _row(
                f"temperature-{factor:g}",
                f"tuning: NFE 4, noise × {factor:g}",
                TUNED,
                Sampling(GUIDANCE, consistency_times=CONSISTENCY_TIMES[4], temperature=factor),
                tuning=True,
            )
            for factor in TEMPERATURES
        ),
        *(
            _row(
                f"correlation-{correlation:g}-{factor:g}",
                f"tuning: NFE 2, noise correlated by {correlation:g}, × {factor:g}",
                TUNED,
                Sampling(
                    GUIDANCE,
                    consistency_times=CONSISTENCY_TIMES[2],
                    temperature=factor,
                    correlation=correlation,
                ),
                tuning=True,
            )
            for correlation, factor in CORRELATIONS
        ),
    ),
    takes_generator=True,
)

if __name__ == "__main__":
    main(TABLE)
