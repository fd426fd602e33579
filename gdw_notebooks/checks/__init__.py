"""Feedback on exercises: one file per notebook, on one small base."""

from gdw_notebooks.checks.exercise import (
    Exercise,
    LookAgain,
    NotAnswered,
    NotRun,
    call,
    compare,
    is_placeholder,
    numbers,
)
from gdw_notebooks.checks.feedback import Feedback

__all__ = ["Exercise", "Feedback", "LookAgain", "NotAnswered", "NotRun", "call", "compare", "is_placeholder", "numbers"]
