"""Exercise of notebook 08: the score of a run, and the epoch at which it begins to learn wrong labels by heart."""

import numpy as np

from gdw.experiments.history import History
from gdw_notebooks.checks.exercise import Exercise, LookAgain, numbers

WINDOW = 5  # epochs before and after: a single epoch's accuracy jumps too much to be read
CLOSE = 0.05  # points: a score is read off the record, so only rounding may lie between


def memorisation_start(history: History) -> int | None:
    """The first epoch (from 1) after which accuracy falls while the loss on wrong labels falls too; None: none does.

    Compared are the means of the five epochs up to it and of the five after it.
    """
    accuracy, wrong = history["test_accuracy"], history["group_loss"][:, 1]
    for epoch in range(WINDOW, len(history) - WINDOW + 1):
        before, after = slice(epoch - WINDOW, epoch), slice(epoch, epoch + WINDOW)
        if accuracy[after].mean() < accuracy[before].mean() and wrong[after].mean() < wrong[before].mean():
            return epoch
    return None


class MemorisationStarts(Exercise):
    """(mean test accuracy of the last five epochs, the first epoch after which both means fall) of one run.

    Args:
        history: the run that is read; it has such an epoch.
    """

    title = "Where memorisation starts"
    notebook, heading = "08_real_pictures", "Exercise: the score, and where memorisation starts"
    hints = (
        "history['test_accuracy'] is [epochs] and history['group_loss'] is [epochs, right/wrong]; the first row is "
        "epoch 1.",
        "For an epoch e the five up to it are the rows [e - 5 : e], and the five after it [e : e + 5].",
        "Go through e = 5, 6, 7, … and stop at the first where both means after are below those before.",
    )
    praise = "From here on the network gets better at what is wrong and worse at what is asked."

    def __init__(self, history: History):
        super().__init__()
        self.score, self.start = history.accuracy, memorisation_start(history)
        self.accuracy, self.wrong = history["test_accuracy"], history["group_loss"][:, 1]

    def examine(self, answer) -> None:
        score, epoch = numbers(answer, 2).tolist()
        if abs(score - self.score) > CLOSE:
            raise LookAgain(f"The mean of the last five epochs is not {score:.2f} %.{self._what_it_is(score)}")
        if epoch != self.start:
            raise LookAgain(f"The score is right. {self._why_not(epoch)}")

    def _what_it_is(self, score: float) -> str:
        if np.isclose(score, self.accuracy[-1]):
            return " That is the last epoch's alone."
        return " That is the best epoch's, chosen on the test set." if np.isclose(score, self.accuracy.max()) else ""

    def _why_not(self, epoch: float) -> str:
        if epoch == self.start - 1:
            return "The epoch is one too early: epochs count from 1, rows from 0."
        e = int(epoch)
        if e != epoch or not WINDOW <= e <= len(self.accuracy) - WINDOW:
            return f"Five epochs on either side have the epochs {WINDOW} to {len(self.accuracy) - WINDOW} alone."
        for values, what in ((self.accuracy, "test accuracy"), (self.wrong, "loss on wrong labels")):
            if values[e : e + WINDOW].mean() >= values[e - WINDOW : e].mean():
                return f"After epoch {e} the mean {what} is not lower than before."
        return f"After epoch {e} both means are lower, but it is not the first such epoch."
