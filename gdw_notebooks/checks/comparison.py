"""Exercise of notebook 06: three cells of the map, one that GDW wins, one that it loses, one undecided."""

from collections.abc import Mapping

from gdw.comparison.report import Difference
from gdw_notebooks.checks.exercise import Exercise, LookAgain
from gdw_notebooks.figures.effect_map import verdict

KINDS = ("wins", "loses", "undecided")


class ThreeCells(Exercise):
    """{"wins": (rate, imbalance), "loses": ..., "undecided": ...} against one rival.

    Args:
        cells: the paired difference of each (rate, imbalance).
    """

    title = "Three cells"
    hints = (
        "A win is more than a positive number: the whole interval must lie above 0.",
        "A hatched cell's interval holds 0, whatever the colour of the cell.",
        "Choose the rival in the panel, press “Show as table”, and read the last column.",
    )
    praise = "Which of the three you see depends on the data more than on the method."

    def __init__(self, cells: Mapping[tuple[float, float], Difference]):
        super().__init__()
        self.cells = dict(cells)

    def examine(self, answer) -> None:
        if not isinstance(answer, Mapping) or set(answer) != set(KINDS):
            raise LookAgain(f"A dictionary with the keys {', '.join(KINDS)} is asked for here.")
        wrong = [kind for kind in KINDS if self._kind(answer[kind]) != kind]
        if wrong:
            raise LookAgain(f"{3 - len(wrong)} of 3 are right. Look again at: {', '.join(wrong)}.")

    def _kind(self, cell) -> str:
        try:
            rate, imbalance = map(float, cell)
        except (TypeError, ValueError):
            raise LookAgain(f"A cell is a pair (rate, imbalance), as in (0.2, 0.1); this is {cell!r}.") from None
        if (rate, imbalance) not in self.cells:
            raise LookAgain(f"The map has no cell with noise rate {rate:g} and imbalance {imbalance:g}.")
        return verdict(self.cells[rate, imbalance])
