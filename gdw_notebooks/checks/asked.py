"""Every exercise of the course: where it is asked, the names in its cell, and how to make its check.

A grader makes the checks itself, from the course's own data: nothing in a student's notebook takes part in it. A test
compares this list with the notebooks' sources.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch

from gdw import Experiment, Step
from gdw.comparison.cost import operations
from gdw.methods import METHODS
from gdw.networks.classifiers import build_model
from gdw.training.stepping import take_step
from gdw_notebooks.checks.broken_data import ThirtyPercent, UniformForty
from gdw_notebooks.checks.class_weights import EqualTies, SecondStage
from gdw_notebooks.checks.clean_set import InnerProduct, ThreeSigns
from gdw_notebooks.checks.comparison import ThreeCells
from gdw_notebooks.checks.exercise import Exercise
from gdw_notebooks.checks.gradient_flows import LabelWeight, LiftTheCat
from gdw_notebooks.checks.motion import HighestRatio
from gdw_notebooks.checks.own_data import PrecisionThreshold
from gdw_notebooks.checks.price import PassOrder, PredictedCost
from gdw_notebooks.checks.real_pictures import MemorisationStarts
from gdw_notebooks.checks.start_here import PairedDifference
from gdw_notebooks.recorded import standing
from gdw_notebooks.recorded.histories import load

PAIRED_SEEDS, PAIRED_EPOCHS = 5, 20  # of notebook 00
EPOCH = 3  # of notebook 05


@dataclass(frozen=True)
class Asked:
    """One exercise.

    Args:
        kind: the class of its check.
        check: the name of the check's object in the notebook.
        answers: the names of what the student hands to it.
        make: a new check with the notebook's data.
    """

    kind: type[Exercise]
    check: str
    answers: tuple[str, ...]
    make: Callable[[], Exercise]

    @property
    def notebook(self) -> str:
        return self.kind.notebook

    @property
    def column(self) -> str:
        """A name for a table, such as ``01 Lift the cat``."""
        return f"{self.notebook[:2]} {self.kind.title}"


@cache
def _paired() -> PairedDifference:
    runs = (Experiment(rate=0.6, method="gdw", epochs=PAIRED_EPOCHS, seed=seed) for seed in range(PAIRED_SEEDS))
    return PairedDifference([run.code for run in runs])


@cache
def _highest_ratio() -> HighestRatio:
    return HighestRatio(load("05-long-tail")["gdw"][0], epoch=EPOCH)


@cache
def _three_cells() -> ThreeCells:
    return ThreeCells(standing.cells(standing.load(), "l2rw"))


@cache
def _predicted_cost() -> PredictedCost:
    """The operations of a GDW step with half a clean batch, in plain steps; on a ResNet-32, as in the notebook."""

    def counted(method: str, clean: int, batch: int = 4) -> int:
        random = torch.Generator().manual_seed(0)
        network = build_model("resnet32", (3, 32, 32), 10, random)
        (images, labels), meta_batch = (
            (torch.randn(n, 3, 32, 32, generator=random), torch.randint(10, (n,), generator=random))
            for n in (batch, clean)
        )
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        rule, how = METHODS[method](10), {"meta_batch": meta_batch, "lr": optimizer}
        return operations(lambda: take_step(Step(network, images, labels, **how), rule, optimizer))

    return PredictedCost(counted("gdw", clean=2) / counted("cross-entropy", clean=4))


@cache
def _memorisation() -> MemorisationStarts:
    return MemorisationStarts(load("08-real-pictures")["cross-entropy"][0])


ASKED = (
    Asked(PairedDifference, "paired", ("differences", "mean"), _paired),
    Asked(LiftTheCat, "lift_the_cat", ("my_weights",), LiftTheCat),
    Asked(LabelWeight, "the_label_weight", ("label_weight",), LabelWeight),
    Asked(ThirtyPercent, "thirty_percent", ("my_matrix",), ThirtyPercent),
    Asked(UniformForty, "uniform_forty", ("answer",), UniformForty),
    Asked(ThreeSigns, "three_signs", ("signs",), ThreeSigns),
    Asked(InnerProduct, "inner_product", ("g_of",), InnerProduct),
    Asked(SecondStage, "second_stage", ("real_weights",), SecondStage),
    Asked(EqualTies, "equal_ties", ("instance_gradient",), EqualTies),
    Asked(HighestRatio, "highest_ratio", ("answer",), _highest_ratio),
    Asked(ThreeCells, "three_cells", ("by_kind",), _three_cells),
    Asked(PassOrder, "pass_order", ("order",), PassOrder),
    Asked(PredictedCost, "predicted_cost", ("ratio",), _predicted_cost),
    Asked(MemorisationStarts, "memorisation_starts", ("answer",), _memorisation),
)

# Its right answer depends on pictures of the student's own, which a grader does not have.
NOT_GRADED = (PrecisionThreshold,)


def asked_in(notebook: str) -> tuple[Asked, ...]:
    """The exercises of a notebook, by its file name without the ending."""
    return tuple(asked for asked in ASKED if asked.notebook == notebook)
