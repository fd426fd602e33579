"""Exercise of notebook 00: the paired differences between two methods, from five run codes, and their mean."""

from collections.abc import Sequence
from functools import cache
from threading import Lock

import numpy as np

from gdw.experiments.experiment import Experiment
from gdw.training.run import run
from gdw_notebooks.checks.exercise import Exercise, LookAgain, numbers

_one_at_a_time = Lock()
ROUNDING = 0.051  # points: answers may be rounded to one decimal; the same machine gives the same run


class PairedDifference(Exercise):
    """(differences, mean): test accuracy of GDW minus tied GDW, one for each run code, and their mean.

    Args:
        codes: of the GDW runs; the other run of a pair differs from it only in its method.
    """

    title = "Paired by seed"
    notebook, heading = "00_start_here", "Exercise: paired by seed"
    hints = (
        "Experiment.from_code(code) gives the run of a code, and .with_(method='gdw-tied') the other run of the pair.",
        "gdw.run(experiment).accuracy is the test accuracy in percent: one for each run, ten in all.",
        "Subtract within each pair first, GDW minus tied GDW; only then take the mean of the five.",
    )
    praise = "Both runs of a pair had the same images, labels and start: only the method differs."

    def __init__(self, codes: Sequence[str]):
        super().__init__()
        self.codes = list(codes)

    def examine(self, differences, mean) -> None:
        given, (mean,) = numbers(differences, len(self.codes)).numpy(), numbers(mean, 1).tolist()
        for place, code in enumerate(self.codes):  # stops at the first wrong one: each pair takes a second or two
            right = paired_difference(code)
            if abs(given[place] - right) > ROUNDING:
                raise LookAgain(f"Number {place + 1} of your differences, {given[place]:+.2f}, is not that of code "
                                f"{place + 1}.{self._why(given[place], right)}")  # fmt: skip
        if abs(mean - np.mean(given)) > ROUNDING:
            raise LookAgain(f"The differences are right, but {mean:+.2f} is not their mean.")

    def _why(self, given: float, right: float) -> str:
        return " Is it tied GDW minus GDW?" if abs(given + right) <= ROUNDING else ""


def paired_difference(code: str) -> float:
    """GDW minus tied GDW in points, for the run of a code; each code is run once in a kernel, by one of its threads."""
    with _one_at_a_time:
        return _paired_difference(code)


@cache
def _paired_difference(code: str) -> float:
    ours = Experiment.from_code(code)
    return run(ours).accuracy - run(ours.with_(method="gdw-tied")).accuracy
