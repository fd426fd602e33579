"""The bilevel stepper: forward and back through one step of the small problem, with every tensor shown."""

from gdw_notebooks.examples.bilevel import Stage, Walk, walk
from gdw_notebooks.examples.small_problem import CLASS, Problem
from gdw_notebooks.figures.stepper import stepper
from gdw_notebooks.panels.steps import Steps, Variant


class BilevelStepper(Steps):
    """Buttons, the slider or the arrow keys move through the stations of a step; going back shows the same numbers.

    Args:
        mode: ``"instance"`` (weights given, one for each picture) or ``"class"`` (V, constraint, stage two).
        station: where it opens, from 1.
        zero_mean: whether class-level weights are constrained; in class mode a menu switches it.
    """

    def __init__(self, mode: str = "instance", station: int = 1, zero_mean: bool = True, **kwargs):
        switches = (True, False) if mode == CLASS else (True,)
        self.mode = mode
        self._walks = [walk(Problem(mode, zero_mean=on)) for on in switches]
        variants = [variant(made, "on" if on else "off") for made, on in zip(self._walks, switches, strict=True)]
        super().__init__(variants, menu="Constraint", variant=switches.index(zero_mean), step=station, **kwargs)

    @property
    def walk(self) -> Walk:
        """The stations, with the constraint on or off as the menu says."""
        return self._walks[self.variant]

    @property
    def shown(self) -> Stage:
        """The station that is shown."""
        return self.walk.stages[self.step - 1]

    def page(self) -> str:
        return stepper(self.walk, self.step - 1)

    def __repr__(self) -> str:
        return f"BilevelStepper({self.mode!r}, station={self.step} of {len(self.walk)})"


def variant(made: Walk, name: str) -> Variant:
    """A walk as a page with a number for each station."""
    return Variant(name, stepper(made, 0), list(range(1, len(made) + 1)))
