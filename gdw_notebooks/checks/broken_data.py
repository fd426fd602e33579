"""Exercises of notebook 02: a matrix with exactly 30 % wrong labels, and what uniform 40 % comes to."""

import torch
from torch import Tensor

from gdw_notebooks.checks.exercise import Exercise, LookAgain, numbers, table

CLASSES, COUNTS = ("cat", "dog", "bird"), (500, 300, 200)  # images of each true class
CERTAIN = 2  # bird: its labels are all right
WANTED = 0.30  # share of wrong labels
CLOSE = 1e-6  # of a probability
RATE, MANY = 0.4, (2, 10, 100)  # the mixing rate, and the numbers of classes
ROUNDED = 0.06  # percentage points: an answer rounded to one digit is right


class ThirtyPercent(Exercise):
    """A 3 × 3 matrix: rows sum to 1, birds are always right, and 30 % of all 1,000 labels are wrong."""

    title = "Exactly 30 %"
    notebook, heading = "02_broken_data", "Exercise 1: exactly 30 %"
    hints = (
        "Each row is about one true class. What must the bird's row be if its labels are all right?",
        "Count images, not classes: 30 % of 1,000 images is 300 wrong labels, and all of them show cats or dogs.",
        "If a share a of the cats and a share b of the dogs is wrong, then 500 a + 300 b = 300. Choose one, solve for "
        "the other.",
    )
    praise = "The share of wrong labels is the mean of 1 − diagonal, and each class counts with its number of images."

    def examine(self, matrix) -> None:
        matrix = table(matrix)
        if matrix.shape != (len(CLASSES),) * 2:
            raise LookAgain(f"A 3 × 3 table is asked for, one row for each true class; this is {_shape(matrix)}.")
        if matrix.min() < -CLOSE:
            raise LookAgain("A number is below 0, but all of them are probabilities.")
        sums = matrix.sum(1)
        if (sums - 1).abs().max() > CLOSE:
            row = int((sums - 1).abs().argmax())
            columns = " (The columns do: rows are the true classes.)" if _sums_to_one(matrix.T) else ""
            percent = " (Write 0.5, not 50.)" if _sums_to_one(matrix / 100) else ""
            raise LookAgain(f"The row of {CLASSES[row]} sums to {sums[row]:.7g}, not to 1.{columns}{percent}")
        if abs(matrix[CERTAIN, CERTAIN] - 1) > CLOSE:
            raise LookAgain(
                f"{100 * (1 - matrix[CERTAIN, CERTAIN]):.3g} % of the birds are mislabelled, but "
                "their labels are right."
            )
        self._count(1 - matrix.diagonal())

    def _count(self, wrong: Tensor) -> None:
        counts = torch.tensor(COUNTS, dtype=torch.float64)
        share = (wrong @ counts / counts.sum()).item()
        if abs(share - WANTED) > CLOSE:
            by_class = abs(wrong.mean().item() - WANTED) < CLOSE
            why = " It is 30 % if every class has the same number of images; here they differ." if by_class else ""
            raise LookAgain(f"{wrong @ counts:.7g} of the 1,000 labels are wrong, not 300.{why}")


class UniformForty(Exercise):
    """The expected share of wrong labels under uniform noise of 40 %, for 2, 10 and 100 classes, in percent."""

    title = "What uniform 40 % comes to"
    notebook, heading = "02_broken_data", "Exercise 2: what uniform 40 % comes to"
    hints = (
        "40 % of the labels are drawn again. What is the probability that the new label is the true one?",
        "Of C classes one is the true one, so 1/C of the new labels are right.",
        "Multiply the mixing rate by (C − 1)/C.",
    )
    praise = "The wrong label rate is r (C − 1)/C: at two classes half of the mixing rate, at 100 nearly all of it."

    def examine(self, answer) -> None:
        given = numbers(answer, len(MANY))
        percent = given * 100 if given.abs().max() <= 1 else given
        expected = [100 * RATE * (classes - 1) / classes for classes in MANY]
        wrong = [place for place in range(len(MANY)) if abs(percent[place] - expected[place]) > ROUNDED]
        if not wrong:
            return
        place = wrong[0]
        classes, value = MANY[place], percent[place].item()
        raise LookAgain(f"{value:.4g} % is not right for {classes} classes.{_why(value, classes)}")


def _why(value: float, classes: int) -> str:
    if abs(value - 100 * RATE) < ROUNDED:
        return " That is the share that is drawn again; some of these labels are right."
    if abs(value - 100 * (1 - RATE)) < ROUNDED:
        return " That is the share that is not drawn again; all of these labels are right."
    if abs(value - 100 * RATE / classes) < ROUNDED:
        return " That is the share that is drawn again and comes out right."
    if abs(value - 100 * (1 - RATE * (classes - 1) / classes)) < ROUNDED:
        return " That is the share of right labels."
    return ""


def _sums_to_one(matrix: Tensor) -> bool:
    return bool(((matrix.sum(1) - 1).abs() < CLOSE).all())


def _shape(values: Tensor) -> str:
    return "one number" if values.ndim == 0 else " × ".join(map(str, values.shape))
