"""Error messages that help: what was wrong, what is wanted, what was given. Raised before any work is done.

An exception of this package is made from its message alone, and whatever else it holds is an attribute that may be
missing: this is how Python makes it again in another process.
"""

import math
from collections.abc import Iterable
from difflib import get_close_matches
from importlib.util import find_spec
from numbers import Integral, Real


class MissingPackage(ImportError):
    """Something optional is not installed; the message names the pip command that brings it."""


def require_package(module: str, extra: str, what: str) -> None:
    """Raise ``MissingPackage`` unless ``module`` can be imported; imports nothing.

    Args:
        module: a top-level module, such as ``"timm"``.
        extra: the part of the package that brings it, a name in pyproject.toml's optional dependencies.
        what: what needs it, as the sentence's subject: ``"a sweep on Dask"``.
    """
    if find_spec(module) is None:
        raise MissingPackage(f"{what} needs the package {module}: pip install 'gdw[{extra}]'")


def unknown(kind: str, name: object, known: Iterable[str]) -> ValueError:
    """``ValueError`` for an unknown name, with the nearest known name and the full list."""
    known = sorted(known)
    near = get_close_matches(str(name), known, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return ValueError(f"unknown {kind} {name!r}{hint} (known: {', '.join(known)})")


def require_between(name: str, value: float, low: float, high: float, *, open_low: bool = False) -> None:
    """Raise ``ValueError`` unless ``low <= value <= high`` (``low < value`` where ``open_low``)."""
    inside = low < value <= high if open_low else low <= value <= high
    if not inside:
        bracket = "(" if open_low else "["
        raise ValueError(f"{name} must lie in {bracket}{low:g}, {high:g}], got {value:g}")


def number(
    name: str, value: object, low: float = -math.inf, high: float = math.inf, *, open_low: bool = False
) -> float:
    """``value`` as a finite float within the range; numpy's numbers are fine.

    Raises:
        ValueError: no number (True and "1" are none), not finite, or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be a number, got {value!r}")
    try:
        value = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a finite number, got one with {len(str(value))} digits") from None
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value}")
    if not math.isinf(high):
        require_between(name, value, low, high, open_low=open_low)
    elif value < low or (open_low and value == low):
        raise ValueError(f"{name} must be {'above' if open_low else 'at least'} {low:g}, got {value:g}")
    return value + 0.0  # -0.0 becomes 0.0: both are the same experiment


def whole_number(name: str, value: object, low: int | None = None, high: int | None = None) -> int:
    """``value`` as an int within the range; numpy's integers are fine.

    Raises:
        ValueError: no whole number (10.5, True and "1" are none), or out of range.
    """
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{name} must be a whole number, got {value!r}")
    value = int(value)
    if low is not None and value < low:
        raise ValueError(f"{name} must be at least {low}, got {value}")
    if high is not None and value > high:
        raise ValueError(f"{name} must be at most {high}, got {value}")
    return value


def truth(name: str, value: object) -> bool:
    """``value``, which must be True or False.

    Raises:
        ValueError: anything else; the words "true" and "false" too.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {value!r}")
    return value


def one_of(kind: str, value: object, known: Iterable[str]) -> str:
    """``value``, which must be a known name.

    Raises:
        ValueError: an unknown name, or no text at all.
    """
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise unknown(kind, value, known)
    return value
