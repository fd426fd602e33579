"""What a setting of a method may be: its type and its range, checked before the method is built."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from numbers import Real
from typing import Any, Protocol

ROUNDING = 1e-4  # how far a row of probabilities may be from the sum 1: as if written with four digits


class Rule(Protocol):
    """Refuses a value that a setting may not have."""

    def check(self, name: str, value: object) -> None:
        """Raise ``TypeError`` for the wrong type and ``ValueError`` for a value out of range; both name the setting."""


@dataclass(frozen=True)
class Number:
    """A finite number from ``low`` to ``high``, both included.

    Args:
        low, high: the range.
        above_low: whether ``low`` itself is excluded.
        or_none: whether None is accepted.
        whole: whether it must be a whole number.
    """

    low: float = -inf
    high: float = inf
    above_low: bool = False
    or_none: bool = False
    whole: bool = False

    def check(self, name: str, value: object) -> None:
        if value is None and self.or_none:
            return
        if isinstance(value, bool) or not isinstance(value, Real):
            kind = "a whole number" if self.whole else "a number"
            raise TypeError(f"{name} must be {kind}{' or None' if self.or_none else ''}, got {value!r}")
        number = float(value)
        inside = self.low < number <= self.high if self.above_low else self.low <= number <= self.high
        if not (isfinite(number) and inside):
            raise ValueError(f"{name} must {self._range()}, got {value!r}")
        if self.whole and not number.is_integer():
            raise ValueError(f"{name} must be a whole number, got {value!r}")

    def _range(self) -> str:
        if not isfinite(self.low):
            return "be finite"
        left, right = "(" if self.above_low else "[", "]" if isfinite(self.high) else ")"
        return f"lie in {left}{self.low:g}, {self.high:g}{right}"


@dataclass(frozen=True)
class Flag:
    """True or False, and nothing that only looks like it (0, 1, "false")."""

    def check(self, name: str, value: object) -> None:
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, got {value!r}")


@dataclass(frozen=True)
class Counts:
    """How many images each class has: whole numbers, one for each class; None if not known yet."""

    def check(self, name: str, value: object) -> None:
        if value is None:
            return
        for place, count in enumerate(_items(name, value, "one whole number for each class")):
            Number(0, whole=True).check(f"{name}[{place}]", count)
        if sum(_items(name, value, "")) == 0:
            raise ValueError(f"{name} must count at least one image, got only zeros")


@dataclass(frozen=True)
class Probabilities:
    """A square matrix whose rows are probabilities (row: true class, column: observed class); None if not known yet."""

    def check(self, name: str, value: object) -> None:
        if value is None:
            return
        wanted = "a square matrix (rows: true class, columns: observed class)"
        rows = [_items(name, row, wanted) for row in _items(name, value, wanted)]
        for i, row in enumerate(rows):
            if len(row) != len(rows):
                raise ValueError(f"{name} must be {wanted}, got {len(rows)} rows and {len(row)} columns in row {i}")
            for j, probability in enumerate(row):
                Number(0, 1).check(f"{name}[{i}][{j}]", probability)
            if abs(sum(row) - 1) > ROUNDING:
                raise ValueError(f"{name} must have rows that sum to 1, got the sum {sum(row):g} in row {i}")


def rule_for(default: object) -> Rule | None:
    """The rule for a setting if the method gives none: a flag stays a flag, and a number stays a finite number."""
    if isinstance(default, bool):
        return Flag()
    return Number() if isinstance(default, Real) else None


def plain(values: Any) -> Any:
    """Nested lists of a tensor or an array; anything else as it is."""
    return values.tolist() if hasattr(values, "tolist") else values


def _items(name: str, value: object, wanted: str) -> Sequence[Any]:
    value = plain(value)
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{name} must be {wanted}, got {value!r}")
    if len(value) < 2:
        raise ValueError(f"{name} must be {wanted}, for at least 2 classes, got {value!r}")
    return value
