"""Choose the picture that each hop hears: the newest one shown up to the hop's end.

```
 pictures (20 fps)   0        1        2        3        4
                     |--------|--------|--------|--------|------> time
 hops                |--0--|--1--|--2--|--3--|--4--|--5--|
 heard at the end          0     1     2     2'    3     4      ' = no new picture: the same again
```

Pure timing, no video library. Called by ``render`` and the examples. Thread: any.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

from sr_runtime.types import HOP_HZ

# Containers round times (Matroska to whole milliseconds): a picture at 0.067 s is the one of 2/30 s.
_ROUNDING_S = 1e-3


class Timed(Protocol):
    """Anything that is shown from ``time_s`` until ``end_s``, both in seconds since the start."""

    @property
    def time_s(self) -> float:
        """When it appears."""

    @property
    def end_s(self) -> float:
        """When the next one is due."""


T = TypeVar("T", bound=Timed)


def per_hop(pictures: Iterable[T]) -> Iterator[T | None]:
    """Yield for hop k the newest picture with time ≤ (k+1)/30 s, or None where that is no new one.

    The first hop always has a picture: one that appears later than 1/30 s is taken early rather than
    inventing a black one, whose change to the first real picture would sound an onset. Hops end where
    the last picture does.

    Args:
        pictures: In the order in which they are shown.

    Example:
        >>> from types import SimpleNamespace as P
        >>> shown = [P(name=n, time_s=n / 15, end_s=(n + 1) / 15) for n in range(2)]  # 15 fps
        >>> [p.name if p else None for p in per_hop(shown)]
        [0, 1, None, None]
    """
    newest: T | None = None
    heard: T | None = None
    hop = 0
    for picture in pictures:
        while newest is not None and picture.time_s > (hop + 1) / HOP_HZ + _ROUNDING_S:
            yield None if newest is heard else newest
            heard = newest
            hop += 1
        newest = picture
    if newest is None:
        return
    for _ in range(hop, max(hop + 1, math.ceil((newest.end_s - _ROUNDING_S) * HOP_HZ))):
        yield None if newest is heard else newest
        heard = newest
