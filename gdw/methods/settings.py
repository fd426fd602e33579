"""What a setting of a method may be: its type and its range, checked before the method is built."""

from numbers import Real

from gdw.errors import Counts, Flag, Number, Probabilities, Rule, plain

__all__ = ["Counts", "Flag", "Number", "Probabilities", "Rule", "plain", "rule_for"]


def rule_for(default: object) -> Rule | None:
    """The rule for a setting if the method gives none: a flag stays a flag, and a number stays a finite number."""
    if isinstance(default, bool):
        return Flag()
    return Number() if isinstance(default, Real) else None
