"""What an exercise is: it looks at an answer, says what to look at again, and gives one more hint each time.

An exercise of one's own is a subclass with three texts and one method::

    class HalfOfSix(Exercise):
        title = "Half of six"
        hints = ("Share six between two.", "Which number, added to itself, gives six?")
        praise = "Three it is."

        def examine(self, answer):
            (value,) = numbers(answer, 1)
            if value != 3:
                raise LookAgain(f"{value:g} twice is {2 * value:g}, not six.")

A notebook makes the object once, near its top, and calls it as often as it likes: ``half_of_six(2.5)``. The tries
are counted in that object, so that running the answer's cell again goes on to the next hint.
"""

import re
from collections.abc import Callable, Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from gdw_notebooks.checks.feedback import LOOK_AGAIN, NOT_ANSWERED, RIGHT, Feedback


class LookAgain(Exception):
    """Raised by ``examine``: what is not right yet about this answer, and where to look."""


class NotAnswered(Exception):
    """The answer, or what it returned, is still a placeholder."""


class Exercise:
    """One exercise: subclass it, write the three texts and ``examine``.

    Attributes:
        title: a few words, shown before the verdict.
        hints: from a nudge to almost the way; one more is shown at each wrong try, never the answer itself.
        praise: what a right answer has shown.
        tries: wrong tries so far.
    """

    title: ClassVar[str] = ""
    hints: ClassVar[tuple[str, ...]] = ()
    praise: ClassVar[str] = ""

    def __init__(self) -> None:
        self.tries = 0

    def examine(self, *answer) -> None:
        """Return nothing for a right answer; raise ``LookAgain`` with what to look at for any other."""
        raise NotImplementedError

    def __call__(self, *answer) -> Feedback:
        """Feedback on an answer; never raises for what a student may have written."""
        try:
            if any(is_placeholder(part) for part in answer):
                raise NotAnswered
            self.examine(*answer)
        except NotAnswered:
            return Feedback(self.title, NOT_ANSWERED, "")
        except LookAgain as problem:
            return self._look_again(str(problem))
        except Exception as error:  # whatever an answer may be: it is explained, not raised
            return self._look_again(f"This answer cannot be read: {explain(error)}.")
        return Feedback(self.title, RIGHT, self.praise)

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _look_again(self, problem: str) -> Feedback:
        self.tries += 1
        return Feedback(self.title, LOOK_AGAIN, problem, self.hints[: self.tries])


def is_placeholder(answer: object) -> bool:
    """Whether it is None or ``...``, or a list, tuple or dictionary that holds one of them."""
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, list | tuple):
        return any(is_placeholder(part) for part in answer)
    return answer is None or answer is Ellipsis


def numbers(answer: object, count: int | None = None) -> Float[Tensor, "count"]:
    """The answer as float64 numbers in a row.

    Args:
        answer: a number, or a list, tuple, array or tensor of numbers.
        count: how many there must be; None takes any.

    Raises:
        LookAgain: not numbers, not finite, or not as many.
    """
    try:
        values = torch.as_tensor(answer).detach().double().flatten()
    except (TypeError, ValueError, RuntimeError) as error:
        raise LookAgain(f"Numbers are asked for here: {explain(error)}.") from error
    if count is not None and len(values) != count:
        raise LookAgain(f"{count} number{'s' * (count != 1)} are asked for here, and this has {len(values)}.")
    if not values.isfinite().all():
        raise LookAgain("Not all of these numbers are finite: look for a division by zero.")
    return values


def call(function: object, *arguments) -> object:
    """What the student's function returns.

    Raises:
        NotAnswered: it returns None or ``...``: its body is still to be written.
        LookAgain: it is no function, or it raised (the message says what).
    """
    if not callable(function):
        raise LookAgain(f"A function is asked for here, not a {type(function).__name__}: give its name, without ( ).")
    try:
        result = function(*arguments)
    except Exception as error:  # a student's function may raise anything
        raise LookAgain(f"The function stops with {explain(error)}.") from error
    if is_placeholder(result):
        raise NotAnswered
    return result


def compare(
    function: Callable,
    reference: Callable,
    cases: Sequence[tuple],
    describe: Callable[..., str],
    tolerance: float = 1e-9,
) -> None:
    """Let the student's function and a reference meet the same arguments.

    Args:
        cases: tuples of arguments.
        describe: says in words what the arguments of the first failing case are.
        tolerance: largest absolute difference.

    Raises:
        NotAnswered, LookAgain: as ``call``; or the two differ (the message gives the case and what came out, not
            what should have).
    """
    for arguments in cases:
        expected = numbers(reference(*arguments))
        got = numbers(call(function, *arguments), len(expected))
        if (got - expected).abs().max() > tolerance:
            shown = ", ".join(f"{value:.4g}" for value in got.tolist())
            raise LookAgain(f"{describe(*arguments)} it returns {shown}, which is not it.")


def explain(error: BaseException) -> str:
    """An error as one line without memory addresses, the same on every run."""
    lines = str(error).strip().splitlines()
    message = re.sub(r" at 0x[0-9a-fA-F]+", "", lines[0]) if lines else ""
    return f"{type(error).__name__} ({message})" if message else type(error).__name__
