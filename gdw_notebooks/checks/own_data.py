"""Exercise of notebook 09: the lowest threshold with a precision of at least 0.8 on checked pictures."""

from collections.abc import Sequence

import torch

from gdw_notebooks.checks.exercise import Exercise, LookAgain, numbers

WANTED = 0.8  # precision


def precision_above(scores: torch.Tensor, wrong: torch.Tensor, threshold: float) -> tuple[float, int]:
    """Of the pictures whose score is at least the threshold: the share of wrong labels, and how many pictures."""
    flagged = scores >= threshold
    count = int(flagged.sum())
    return (float(wrong[flagged].double().mean()) if count else 0.0), count


def lowest_threshold(scores: torch.Tensor, wrong: torch.Tensor) -> float | None:
    """The lowest score with a precision of at least 0.8 from it upwards; None: no score has it."""
    good = [score for score in sorted(scores.tolist()) if precision_above(scores, wrong, score)[0] >= WANTED]
    return good[0] if good else None


class PrecisionThreshold(Exercise):
    """The lowest threshold at which at least 80 % of the flagged pictures are mislabelled.

    Args:
        scores: of the checked pictures.
        wrong: whether the label of each of them is wrong.

    Raises:
        ValueError: no threshold has this precision.
    """

    title = "A threshold with precision 0.8"
    notebook, heading = "09_your_own_data", "Exercise: a threshold with precision 0.8"
    hints = (
        "For one threshold: which pictures have a score at or above it, and what share of these is wrong?",
        "Only the scores of the checked pictures matter as thresholds: between two of them nothing changes.",
        "Go through the sorted scores from below, and stop at the first whose precision is at least 0.8.",
    )
    praise = "No lower threshold has this precision on the checked pictures, so none finds more with it."

    def __init__(self, scores: Sequence[float], wrong: Sequence[bool]):
        super().__init__()
        self.scores = torch.as_tensor(list(scores), dtype=torch.float64)
        self.wrong = torch.as_tensor([bool(each) for each in wrong])
        self.best = lowest_threshold(self.scores, self.wrong)
        if self.best is None:
            raise ValueError(f"no threshold has a precision of {WANTED} on these {len(self.scores)} pictures")

    def examine(self, threshold) -> None:
        (value,) = numbers(threshold, 1).tolist()
        precision, count = precision_above(self.scores, self.wrong, value)
        if count == 0:
            percent = " (Scores lie between 0 and 1.)" if value > 1 else ""
            raise LookAgain(f"No checked picture has a score of {value:g} or more, so nothing is flagged.{percent}")
        if precision < WANTED:
            raise LookAgain(
                f"From {value:.4g} upwards {count} pictures are flagged, and only {_share(precision)} are wrong."
            )
        most = precision_above(self.scores, self.wrong, self.best)[1]
        if count != most:
            raise LookAgain(
                f"The precision is fine, {_share(precision)}, but a lower threshold keeps it at 80 % and finds more."
            )


def _share(precision: float) -> str:
    return f"{100 * precision:.3g} %"
