"""What an exercise is: it looks at an answer, says what to look at again, and gives one more hint each time.

An exercise of your own is a subclass with a few texts and one method::

    class HalfOfSix(Exercise):
        title = "Half of six"
        hints = ("Share six between two.", "Which number, added to itself, gives six?")
        praise = "It is three."

        def examine(self, answer):
            (value,) = numbers(answer, 1)
            if value != 3:
                raise LookAgain(f"{value:g} twice is {2 * value:g}, not six.")

Wrong tries are counted by the exercise's name for as long as the kernel runs, not in the object: running the cell that
makes the object again does not start from the first hint.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from gdw_notebooks.checks.feedback import LOOK_AGAIN, NOT_ANSWERED, RIGHT, Feedback
from gdw_notebooks.recorded import places

CLOSE = 1e-5  # what differs less is right: it was computed in float32, or a weight's lowest value is 0 and not 1e-6
_tries: Counter[str] = Counter()  # wrong tries of each exercise in this kernel, by name


class LookAgain(Exception):
    """Raised by ``examine``: what is not right yet about this answer, and where to look."""


class NotAnswered(Exception):
    """The answer, or what it returned, is still a placeholder."""


class NotRun(BaseException):
    """The student's function was stopped before the check could finish: there is no verdict.

    Not an ``Exception``: ``call`` explains those as wrong answers, and this one must pass.
    """


class Exercise:
    """One exercise: subclass it, write the texts and ``examine``.

    Attributes:
        title: a few words, shown before the verdict.
        hints: from a small hint to almost the whole way; one more is shown at each wrong try.
        praise: what a right answer has shown.
        notebook: file name of the notebook without its ending; with it the last hint names the place of the solution.
        heading: the heading of the exercise in that notebook.
    """

    title: ClassVar[str] = ""
    hints: ClassVar[tuple[str, ...]] = ()
    praise: ClassVar[str] = ""
    notebook: ClassVar[str] = ""
    heading: ClassVar[str] = ""

    @property
    def tries(self) -> int:
        """Wrong tries so far, of all objects of this exercise."""
        return _tries[self._name()]

    def start_over(self) -> None:
        """Forget the wrong tries: the next one earns the first hint."""
        del _tries[self._name()]

    def all_hints(self) -> tuple[str, ...]:
        """The hints, and last the place of the solution."""
        if not self.notebook:
            return self.hints
        place = f"solutions/{self.notebook}.ipynb"
        if not Path(place).exists():  # a copy of the course has none
            place = (places.notebooks() / place).as_posix()
        return (*self.hints, f"One solution is in {place}, in the cell below “{self.heading}”.")

    def examine(self, *answer) -> None:
        """Return nothing for a right answer; raise ``LookAgain`` with what to look at for any other."""
        raise NotImplementedError

    def judge(self, *answer) -> Feedback:
        """The verdict on an answer, without hints; it counts no try.

        Raises:
            NotRun: the student's function was stopped. Nothing else that an answer does is raised.
        """
        try:
            if any(is_placeholder(part) for part in answer):
                raise NotAnswered
            self.examine(*answer)
        except NotAnswered:
            return Feedback(self.title, NOT_ANSWERED, "")
        except LookAgain as problem:
            return Feedback(self.title, LOOK_AGAIN, str(problem))
        except Exception as error:  # whatever an answer may be: it is explained, not raised
            return Feedback(self.title, LOOK_AGAIN, f"This answer cannot be read: {explain(error)}.")
        return Feedback(self.title, RIGHT, self.praise)

    def __call__(self, *answer) -> Feedback:
        """Feedback on an answer: a wrong one earns one more hint."""
        found = self.judge(*answer)
        if found.verdict == LOOK_AGAIN:
            _tries[self._name()] += 1
            return replace(found, hints=self.all_hints()[: self.tries])
        return replace(found, text=found.text + self._after()) if found.right else found

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    def _after(self) -> str:
        """How many wrong tries came first, where there were any."""
        return f" (Right after {self.tries} wrong {'try' if self.tries == 1 else 'tries'}.)" if self.tries else ""

    def _name(self) -> str:
        return f"{type(self).__module__}.{type(self).__qualname__}"


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
    values = table(answer).flatten()
    if count is not None and len(values) != count:
        raise LookAgain(f"{count} number{'s are' if count != 1 else ' is'} asked for here, and this has {len(values)}.")
    return values


def table(answer: object) -> Float[Tensor, "..."]:
    """The answer as float64 numbers in its own shape.

    Raises:
        LookAgain: not numbers, rows of different lengths, or not finite.
    """
    plain = _plain(answer)
    for part in _parts(plain):
        if isinstance(part, str | bytes):
            raise LookAgain("Numbers are asked for here, and this has text: write them without quotes.")
        if not isinstance(part, Real | Decimal):
            raise LookAgain(f"Numbers are asked for here, and this has a value of type {type(part).__name__}.")
    try:
        values = torch.tensor(plain, dtype=torch.float64)
    except OverflowError as error:
        raise LookAgain("One of these numbers is too large.") from error
    except (TypeError, ValueError, RuntimeError) as error:
        raise LookAgain("Numbers are asked for here, in rows of the same length.") from error
    if not values.isfinite().all():
        raise LookAgain("Not all of these numbers are finite: look for a division by zero.")
    return values


def _parts(answer: object) -> Iterator[object]:
    """What is in a list of lists, one after another; anything else is one part."""
    if not isinstance(answer, list):
        yield answer
        return
    for part in answer:
        yield from _parts(part)


def _plain(answer: object) -> object:
    """Tensors, arrays, series, tuples and ranges as plain lists; a list of one-number tensors too."""
    if isinstance(answer, Tensor):
        return answer.detach().cpu().tolist()
    if isinstance(answer, np.ndarray | np.generic):
        return _plain(answer.tolist()) if isinstance(answer, np.ndarray) else answer.item()
    if isinstance(answer, list | tuple | range):
        return [_plain(part) for part in answer]
    if not isinstance(answer, str | bytes) and hasattr(answer, "to_numpy"):
        return answer.to_numpy().tolist()
    return answer


def call(function: object, *arguments) -> object:
    """What the student's function returns.

    Raises:
        NotAnswered: it returns None or ``...``: its body is still to be written.
        LookAgain: it is no function, or it raised (the message says what).
    """
    if not callable(function):
        raise LookAgain(
            f"A function is asked for here, not a value of type {type(function).__name__}: give its name, without ( )."
        )
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
) -> None:
    """Give the student's function and a reference the same arguments, and compare what they return, to five digits.

    Args:
        cases: tuples of arguments.
        describe: says in words what the arguments of the first failing case are.

    Raises:
        NotAnswered, LookAgain: as ``call``; or the two differ (the message gives the case and what came out, not
            what should have).
    """
    for arguments in cases:
        expected = table(reference(*arguments))
        got = table(call(function, *_copies(arguments)))
        if expected.ndim == 0:  # a number in a list of one is as good
            got = got.squeeze()
        if got.shape != expected.shape:
            raise LookAgain(f"{describe(*arguments)} it returns {_shape(got)}, and {_shape(expected)} is wanted.")
        wrong = (got - expected).abs() > CLOSE
        if wrong.any():
            raise LookAgain(f"{describe(*arguments)} it returns {_named(got, wrong)}")


def _copies(arguments: tuple) -> tuple:
    """So that a function that changes its arguments does not change the case."""
    return tuple(part.clone() if isinstance(part, Tensor) else part for part in arguments)


def _named(got: Tensor, wrong: Tensor) -> str:
    """What came out, and which of it is wrong: of a table the first wrong number, and how many are right."""
    if got.ndim == 0:
        return f"{got:.4g}, which is not right."
    first = tuple(wrong.nonzero()[0].tolist())
    return (
        f"a table that is not right: {int((~wrong).sum())} of {got.numel()} numbers are. The first wrong one is at "
        f"[{', '.join(map(str, first))}]: {got[first]:.4g}."
    )


def _shape(values: Tensor) -> str:
    return "one number" if values.ndim == 0 else f"a table of shape {tuple(values.shape)}"


def explain(error: BaseException) -> str:
    """An error as one line without memory addresses, the same on every run."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:  # a student's own error may fail to say what it is
        lines = []
    message = re.sub(r" at 0x[0-9a-fA-F]+", "", lines[0]) if lines else ""
    named = (kind.__name__ for kind in type(error).__mro__)
    name = next(each for each in named if not each.startswith("_"))  # Python 3.13 has an _IncompleteInputError
    return f"{name} ({message})" if message else name
