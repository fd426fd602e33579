"""Exercises of notebook 07: the passes of a step in their order, and a ratio foretold."""

from gdw_notebooks.checks.exercise import Exercise, LookAgain, numbers

# What must have happened before what, and why; pairs that are not named may stand either way round.
BEFORE = (
    ("forward", "virtual step", "the virtual step follows flows, which are made of probs"),
    ("virtual step", "clean forward", "the clean batch is asked at θ′, where the virtual step ends"),
    ("clean forward", "clean backward", "there is nothing to send back before the clean loss is known"),
    ("clean backward", "tangent pass", "the tangent pass needs a direction: the clean gradient"),
    ("tangent pass", "stage two", "stage two moves weights by g, and g is not there yet"),
    ("tangent pass", "V learns", "V learns along g, and g is not there yet"),
    ("stage two", "real backward", "what goes back for good are the weights of stage two"),
)
STATIONS = tuple(dict.fromkeys(name for pair in BEFORE for name in pair[:2]))
TOLERANCE = 0.02  # of a ratio: the weight network and the first layer are not in the count of passes


class PassOrder(Exercise):
    """The stations of a GDW step, as a list of their names in order."""

    title = "The order of a step"
    hints = (
        "Ask of each station what it needs to be known before it.",
        "θ′ is needed by the clean batch, the clean gradient by the tangent pass, g by stage two and by V.",
        "It begins with the one forward pass of the training batch, and stage two comes just before the real step.",
    )
    praise = "Each station has what it needs. (V may learn at any time once g is there.)"

    def examine(self, answer) -> None:
        if not isinstance(answer, list | tuple) or sorted(map(str, answer)) != sorted(STATIONS):
            raise LookAgain(f"A list with each of these once is asked for: {', '.join(sorted(STATIONS))}.")
        for first, then, why in BEFORE:
            if answer.index(first) > answer.index(then):
                raise LookAgain(f"“{then}” stands before “{first}”, but {why}.")


class ForetoldRatio(Exercise):
    """Plain steps that a step costs whose clean batch has half as many images.

    Args:
        counted: the ratio that came out of counting operations.
    """

    title = "A ratio foretold"
    hints = (
        "Which of the eleven passes go through the clean batch, and which through the training batch?",
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
            raise LookAgain(f"{value:g} is many: is it in passes? The ratio is asked for, in plain steps.")
        if abs(value - self.counted) > TOLERANCE:
            raise LookAgain(f"{value:g} plain steps is too {'much' if value > self.counted else 'little'}.")
