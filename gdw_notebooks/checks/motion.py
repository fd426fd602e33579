"""Exercise of notebook 05: the class with the highest push over pull, and what weighting makes of it."""

import numpy as np

from gdw.experiments.history import History
from gdw_notebooks.checks.exercise import Exercise, LookAgain, numbers
from gdw_notebooks.figures.ledger import push_over_pull

SHARE = 0.02  # largest relative difference between the answer and the recorded ratio


class HighestRatio(Exercise):
    """(class, its push over pull before weighting, the same after weighting) at one epoch of a run.

    Args:
        history: the run that is read.
        epoch: from 1.
    """

    title = "The most pushed class"
    notebook, heading = "05_weights_in_motion", "Exercise: the most pushed class"
    hints = (
        "history['pull_push'] is [epochs, before/after, pull/push, classes]; epochs count from 0 there.",
        "Divide push by pull, class by class, before weighting: argmax says which one.",
        "Then take the same class after weighting, whether or not it is still the highest.",
    )
    praise = "Images of other classes push the rare class's logit down far more than its own images pull it up."

    def __init__(self, history: History, epoch: int):
        super().__init__()
        self.ratio, self.names = push_over_pull(history)[epoch - 1], tuple(map(str, history.class_names))

    def examine(self, answer) -> None:
        if isinstance(answer, list | tuple) and answer and isinstance(answer[0], str) and answer[0] in self.names:
            answer = (self.names.index(answer[0]), *answer[1:])
        which, before, after = numbers(answer, 3).tolist()
        highest = int(np.nanargmax(self.ratio[0]))
        if which != highest:
            raise LookAgain(f"Class {which:g} is not the one with the highest push over pull before weighting.")
        for value, expected, when in zip((before, after), self.ratio[:, highest], ("before", "after"), strict=True):
            if abs(value - expected) > SHARE * expected:
                raise LookAgain(f"The class is right; its ratio {when} weighting is not {value:.3g}.")
