"""Exercise of notebook 00: the mean paired difference between two methods, from five run codes."""

from collections.abc import Sequence

import numpy as np

from gdw.training.experiment import Experiment
from gdw.training.run import run
from gdw_notebooks.checks.exercise import Exercise, LookAgain, numbers

ROUNDING = 0.05  # points: answers may be rounded to one decimal
CPU = 0.5  # points: the same run ends a little differently on another processor


class PairedDifference(Exercise):
    """(differences, mean): test accuracy of GDW minus tied GDW, one for each run code, and their mean.

    Args:
        codes: of the GDW runs; the other run of a pair differs from it in its method alone.
    """

    title = "Paired by seed"
    hints = (
        "Experiment.from_code(code) gives the run of a code, and .with_(method='gdw-tied') its partner.",
        "gdw.run(experiment).accuracy is the test accuracy in percent: one for each run, ten in all.",
        "Subtract within each pair first, GDW minus tied; only then take the mean of the five.",
    )
    praise = "Both runs of a pair saw the same images, labels and start: only the method differs."

    def __init__(self, codes: Sequence[str]):
        super().__init__()
        self.codes = list(codes)

    def examine(self, differences, mean) -> None:
        given, (mean,) = numbers(differences, len(self.codes)).numpy(), numbers(mean, 1).tolist()
        first = self._difference(self.codes[0])
        if abs(given[0] - first) > CPU:
            swapped = " Is it tied minus GDW?" if abs(given[0] + first) <= CPU else ""
            raise LookAgain(f"The first of your differences, {given[0]:+.1f}, is not that of the first code.{swapped}")
        if abs(mean - np.mean(given)) > ROUNDING:
            raise LookAgain(f"The differences look right, but {mean:+.2f} is not their mean.")

    def _difference(self, code: str) -> float:
        ours = Experiment.from_code(code)
        return run(ours).accuracy - run(ours.with_(method="gdw-tied")).accuracy
