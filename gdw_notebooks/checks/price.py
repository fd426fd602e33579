"""Exercises of notebook 07: the passes of a step in their order, and a cost predicted from them."""

import re

import numpy as np

from gdw_notebooks.checks.exercise import Exercise, LookAgain, numbers
from gdw_notebooks.checks.words import choose

# What must come before what, and why; pairs that are not named may come in either order.
BEFORE = (
    ("forward", "virtual step", "the virtual step follows flows, which are made of probs"),
    ("virtual step", "clean forward", "the clean batch is evaluated at θ′, where the virtual step ends"),
    ("clean forward", "clean backward", "there is nothing to send back before the clean loss is known"),
    ("clean backward", "tangent pass", "the tangent pass needs a direction: the clean gradient"),
    ("tangent pass", "stage two", "stage two moves weights by g, and g is not known yet"),
    ("tangent pass", "V learns", "V learns from g, and g is not known yet"),
    ("stage two", "real backward", "the real step uses the weights of stage two"),
)
STATIONS = tuple(sorted({name for pair in BEFORE for name in pair[:2]}))  # not in the order that is asked for
ALL_ONCE = f"A list with each of these names once is asked for: {', '.join(STATIONS)}."
TOLERANCE = 0.05  # of a ratio: an answer rounded to one digit is right; the nearest wrong way to count is 0.17 off


class PassOrder(Exercise):
    """The stations of a GDW step, as a list of their names in order."""

    title = "The order of a step"
    notebook, heading = "07_the_price", "Exercise 1: the order of a step"
    hints = (
        "Ask for each station: what must be known before it?",
        "θ′ is needed by the clean batch, the clean gradient by the tangent pass, g by stage two and by V.",
        "It begins with the one forward pass of the training batch, and stage two comes just before the real step.",
    )
    praise = "Each station has what it needs. (V may learn at any time after g is known.)"

    def examine(self, answer) -> None:
        names = re.split(r",|→|->|\n", answer) if isinstance(answer, str) else answer
        if not isinstance(names, list | tuple | np.ndarray):
            raise LookAgain(ALL_ONCE)
        answer = [choose(name, STATIONS) for name in names]
        if None in answer or sorted(answer) != list(STATIONS):
            raise LookAgain(ALL_ONCE)
        for first, then, why in BEFORE:
            if answer.index(first) > answer.index(then):
                raise LookAgain(f"“{then}” comes before “{first}”, but {why}.")


class PredictedCost(Exercise):
    """Plain steps that a step costs whose clean batch has half as many images.

    Args:
        counted: the ratio that came out of counting operations.
    """

    title = "The cost with half a clean batch"
    notebook, heading = "07_the_price", "Exercise 2: predict a cost"
    hints = (
        "Which of the ten passes go through the clean batch, and which through the training batch?",
        "A pass through half as many images costs half as much.",
        "Add them all up, then divide by the passes of a plain step.",
    )
    praise = "The count of operations says the same to two digits."

    def __init__(self, counted: float):
        super().__init__()
        self.counted = counted

    def examine(self, answer) -> None:
        (value,) = numbers(answer, 1).tolist()
        if value > 5:
            raise LookAgain(f"{value:g} is too much: is it a number of passes? The cost in plain steps is asked for.")
        if abs(value - self.counted) > TOLERANCE:
            raise LookAgain(f"{value:g} plain steps is too {'much' if value > self.counted else 'little'}.")
