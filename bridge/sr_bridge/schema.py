"""Bounds of the values in control messages: each rule checks one msgpack value and names its key when wrong.

Used by :mod:`sr_bridge.messages` when it packs and when it parses, in the client and in the runtime.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NoReturn, Union

from sr_bridge.errors import BAD_HEADER, ProtocolError

MAX_SHOWN_CHARACTERS = 60
"""An error quotes at most this much of a hostile value."""


def shown(value: object) -> str:
    """Return ``value`` as a short, printable, ASCII text for an error message."""
    text = ascii(value)
    return text if len(text) <= MAX_SHOWN_CHARACTERS else text[:MAX_SHOWN_CHARACTERS] + "..."


def _reject(key: str, expected: str, value: object) -> NoReturn:
    raise ProtocolError(BAD_HEADER, f"{key}: {expected}", shown(value), "see PROTOCOL.md, 'Control messages'")


@dataclass(frozen=True)
class Text:
    """A UTF-8 string of at most ``longest`` characters, out of ``choices`` where given."""

    longest: int
    choices: tuple[str, ...] = ()

    def check(self, key: str, value: object) -> str:
        """Return ``value`` if it obeys the rule; raise :class:`ProtocolError` otherwise."""
        if not isinstance(value, str) or len(value) > self.longest:
            _reject(key, f"a string of at most {self.longest} characters", value)
        if self.choices and value not in self.choices:
            _reject(key, "one of " + ", ".join(self.choices), value)
        return value


@dataclass(frozen=True)
class Integer:
    """An integer from ``low`` to ``high``; booleans are not integers."""

    low: int
    high: int

    def check(self, key: str, value: object) -> int:
        """Return ``value`` if it obeys the rule; raise :class:`ProtocolError` otherwise."""
        if type(value) is not int or not self.low <= value <= self.high:
            _reject(key, f"an integer from {self.low} to {self.high}", value)
        return value


@dataclass(frozen=True)
class Number:
    """A finite float, or an integer, from ``low`` to ``high``."""

    low: float
    high: float

    def check(self, key: str, value: object) -> float:
        """Return ``value`` as a float if it obeys the rule; raise :class:`ProtocolError` otherwise."""
        if type(value) not in (int, float):
            _reject(key, f"a number from {self.low:g} to {self.high:g}", value)
        number: int | float = value  # type: ignore[assignment]
        if not (self.low <= number <= self.high and math.isfinite(number)):
            _reject(key, f"a number from {self.low:g} to {self.high:g}", value)
        return float(number)


@dataclass(frozen=True)
class Flag:
    """true or false."""

    def check(self, key: str, value: object) -> bool:
        """Return ``value`` if it is a boolean; raise :class:`ProtocolError` otherwise."""
        if not isinstance(value, bool):
            _reject(key, "true or false", value)
        return value


@dataclass(frozen=True)
class Names:
    """An array of at most ``most`` strings of at most ``longest`` characters."""

    most: int
    longest: int

    def check(self, key: str, value: object) -> list[str]:
        """Return ``value`` if it obeys the rule; raise :class:`ProtocolError` otherwise."""
        if not isinstance(value, (list, tuple)) or len(value) > self.most:
            _reject(key, f"an array of at most {self.most} strings", value)
        return [Text(self.longest).check(key, item) for item in value]


@dataclass(frozen=True)
class Counts:
    """A map of at most ``most`` names to counters."""

    most: int

    def check(self, key: str, value: object) -> dict[str, int]:
        """Return ``value`` if it obeys the rule; raise :class:`ProtocolError` otherwise."""
        if not isinstance(value, dict) or len(value) > self.most:
            _reject(key, f"a map of at most {self.most} counters", value)
        counter = Integer(0, 2**63 - 1)
        return {Text(32).check(key, name): counter.check(key, count) for name, count in value.items()}


Rule = Union[Text, Integer, Number, Flag, Names, Counts]
"""Any of the rules above."""

Rules = dict[str, Rule]
"""Key of a control message → the rule of its value."""

Plain = dict[str, Any]
"""A control message as msgpack sees it."""
