"""Checks of what a user gives, and messages that help: what is wanted, what was given. Before any work is done.

An exception of this package is made from its message alone, and whatever else it holds is an attribute that may be
missing: this is how Python makes it again in another process.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from numbers import Integral, Real
from typing import Any, Protocol, SupportsInt, cast

import numpy as np
from jaxtyping import Float

ROUNDING = 1e-4  # how far a row of probabilities may be from the sum 1: as if written with four digits


class MissingPackage(ImportError):
    """Something optional is not installed; the message names the pip command that brings it."""


def require_package(module: str, extra: str, what: str) -> None:
    """Raise ``MissingPackage`` unless a top-level module can be imported; imports nothing.

    ``extra`` is the optional part of this package that brings it, ``what`` needs it: the message begins so.
    """
    if find_spec(module) is None:
        raise MissingPackage(f"{what} needs the package {module}: pip install 'gdw[{extra}]'")


def unknown(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """``ValueError`` for an unknown name, with the nearest known name and the full list."""
    known = sorted(known)
    near = get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ValueError(f"unknown {kind} {name!r}{hint} (known: {', '.join(known)})")


class Rule(Protocol):
    """What a value may be."""

    def check(self, name: str, value: Any, /) -> Any:
        """The value in its own form; ``ValueError`` with its name if it may not be that."""


@dataclass(frozen=True)
class Number:
    """A finite number from ``low`` to ``high``, as a float; numpy's numbers are fine, True and "1" are refused.

    Args:
        low, high: the range; both belong to it.
        above_low: ``low`` itself does not.
        below_high: ``high`` itself does not.
        or_none: None is accepted.
        whole: a whole number, as an int; 2.0 is refused.
    """

    low: float = -math.inf
    high: float = math.inf
    above_low: bool = False
    below_high: bool = False
    or_none: bool = False
    whole: bool = False

    def check(self, name: str, value: Any, /) -> Any:
        if value is None and self.or_none:
            return None
        if isinstance(value, bool) or not isinstance(value, Integral if self.whole else Real):
            kind = "a whole number" if self.whole else "a number"
            raise ValueError(f"{name} must be {kind}{' or None' if self.or_none else ''}, got {value!r}")
        try:
            found = int(cast(SupportsInt, value)) if self.whole else float(value) + 0.0  # -0.0 becomes 0.0
        except OverflowError:
            raise ValueError(f"{name} must be a finite number, got one with {len(str(value))} digits") from None
        if not self.whole and not math.isfinite(found):
            raise ValueError(f"{name} must be a finite number, got {found}")
        if wanted := self._missed(found):
            raise ValueError(f"{name} must {wanted}, got {_short(found)}")
        return found

    def _missed(self, found: float) -> str | None:
        """The range in words if the number is outside."""
        above = self.low < found if self.above_low else self.low <= found
        below = found < self.high if self.below_high else found <= self.high
        if above and below:
            return None
        if not self.whole and math.isfinite(self.low) and math.isfinite(self.high):
            brackets = "(" if self.above_low else "[", ")" if self.below_high else "]"
            return f"lie in {brackets[0]}{self.low:g}, {self.high:g}{brackets[1]}"
        if not above:
            return f"be {'above' if self.above_low else 'at least'} {_short(self.low)}"
        return f"be {'below' if self.below_high else 'at most'} {_short(self.high)}"


@dataclass(frozen=True)
class Flag:
    """True or False, and nothing that only looks like it (0, 1, "false")."""

    def check(self, name: str, value: Any, /) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {value!r}")
        return value


@dataclass(frozen=True)
class Counts:
    """How many images each class has: whole numbers, one for each class; None if not known yet."""

    def check(self, name: str, value: Any, /) -> list[int] | None:
        if value is None:
            return None
        value, wanted = plain(value), "one whole number for each class"
        if not isinstance(value, (list, tuple)):
            raise ValueError(f"{name} must be {wanted}, got {value!r}")
        if len(value) < 2:
            raise ValueError(f"{name} must be {wanted}, for at least 2 classes, got {value!r}")
        counts = [whole_number(f"{name}[{place}]", count, 0) for place, count in enumerate(value)]
        if sum(counts) == 0:
            raise ValueError(f"{name} must count at least one image, got only zeros")
        return counts


@dataclass(frozen=True)
class Probabilities:
    """A square matrix whose rows are probabilities (row: true class, column: observed class); None if not known yet."""

    def check(self, name: str, value: Any, /) -> Float[np.ndarray, "classes classes"] | None:
        return None if value is None else probabilities(name, value)


def probabilities(name: str, value: Any, classes: int | None = None) -> Float[np.ndarray, "classes classes"]:
    """``value`` as a square matrix of float64 whose rows are probabilities, with ``classes`` rows or at least 2."""
    wanted = "a square matrix (rows: true class, columns: observed class)"
    wanted += "" if classes is None else f" of {classes} x {classes}"
    try:
        matrix = np.array(plain(value), dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be {wanted}, with numbers in rows of equal length") from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or classes not in (None, len(matrix)):
        raise ValueError(f"{name} must be {wanted}, got the shape {matrix.shape}")
    if len(matrix) < 2:
        raise ValueError(f"{name} must be {wanted}, for at least 2 classes, got {value!r}")
    if not (matrix >= 0).all():  # false for NaN too
        raise ValueError(f"{name} must hold probabilities: found a negative number or NaN")
    sums = matrix.sum(1)
    worst = int(np.abs(sums - 1).argmax())
    if not abs(sums[worst] - 1) <= ROUNDING:
        raise ValueError(f"{name} must have rows that sum to 1, got the sum {sums[worst]:g} in row {worst}")
    return matrix


def number(
    name: str, value: object, low: float = -math.inf, high: float = math.inf, *, open_low: bool = False
) -> float:
    """``value`` as a finite float within the range (without ``low`` itself where ``open_low``); see :class:`Number`."""
    return cast(float, Number(low, high, above_low=open_low).check(name, value))


def whole_number(name: str, value: object, low: float = -math.inf, high: float = math.inf) -> int:
    """``value`` as an int within the range; see :class:`Number`."""
    return cast(int, Number(low, high, whole=True).check(name, value))


def one_of(kind: str, value: object, known: Iterable[str]) -> str:
    """``value``, which must be a known name."""
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise unknown(kind, value, known)
    return value


def _short(value: float) -> str:
    """Whole numbers in full."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def plain(values: Any) -> Any:
    """Nested lists of a tensor or an array; anything else as it is."""
    return values.tolist() if hasattr(values, "tolist") else values
