"""Exercise of notebook 06: three cells of the map, one that GDW wins, one that it loses, one undecided."""

from collections.abc import Mapping

import numpy as np

from gdw.comparison.report import Difference
from gdw_notebooks.checks.exercise import Exercise, LookAgain, numbers
from gdw_notebooks.checks.words import choose
from gdw_notebooks.figures.effect_map import verdict

KINDS = ("wins", "loses", "undecided")
ROUNDING = 1e-6  # a rate from float32 is as good


class ThreeCells(Exercise):
    """{"wins": (rate, imbalance), "loses": ..., "undecided": ...} against one rival.

    Args:
        cells: the paired difference of each (rate, imbalance), with p-values corrected for all of them (Holm).
    """

    title = "Three cells"
    notebook, heading = "06_when_does_it_help", "Exercise: three cells"
    hints = (
        "A win is more than a positive number: the difference must also be significant.",
        "A hatched cell is undecided, whatever its colour, and even if its own interval excludes 0.",
        "Choose the rival in the panel, press “Show as table”, and read the last column.",
    )
    praise = "Which of the three you see depends on the data more than on the method."

    def __init__(self, cells: Mapping[tuple[float, float], Difference]):
        super().__init__()
        self.cells = dict(cells)

    def examine(self, answer) -> None:
        if not isinstance(answer, Mapping):
            raise LookAgain(f"A dictionary with the keys {', '.join(KINDS)} is asked for here.")
        answer = {choose(key, KINDS): cell for key, cell in answer.items()}
        if set(answer) != set(KINDS):
            raise LookAgain(f"A dictionary with the keys {', '.join(KINDS)} is asked for here.")
        wrong = [kind for kind in KINDS if self._kind(answer[kind]) != kind]
        if wrong:
            raise LookAgain(f"{3 - len(wrong)} of 3 are right. Look again at: {', '.join(wrong)}.")

    def _kind(self, cell) -> str:
        try:
            rate, imbalance = numbers(cell, 2).tolist()
        except LookAgain:
            raise LookAgain(f"A cell is a pair (rate, imbalance), as in (0.2, 0.1); this is {cell!r}.") from None
        near = [c for c in self.cells if np.allclose(c, (rate, imbalance), rtol=0, atol=ROUNDING)]
        if not near:
            swapped = " Is it (imbalance, rate)?" if (imbalance, rate) in self.cells else ""
            raise LookAgain(f"The map has no cell with noise rate {rate:g} and imbalance {imbalance:g}.{swapped}")
        return verdict(self.cells[near[0]])
