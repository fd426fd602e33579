"""What the lab has to show: its runs as far as they have come, and the choices of who looks at them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from torch import Tensor

from gdw.data.task import Task
from gdw.experiments.history import History
from gdw.training.run import Training
from gdw_notebooks.figures.regions import Regions, regions_of
from gdw_notebooks.figures.seeds import grouped


@dataclass(frozen=True)
class Plane:
    """What the decision regions show of one run: the network's belief, and each point's weight."""

    task: Task
    regions: Regions
    weights: np.ndarray

    @classmethod
    def of(cls, training: Training, weights: Tensor | None) -> "Plane | None":
        """None where the data are no points in the plane, or no epoch is over."""
        if weights is None or training.task.input_shape != (2,):
            return None
        return cls(training.task, regions_of(training.model, training.task), weights.cpu().numpy())


@dataclass(frozen=True)
class Shown:
    """What the lab has to show.

    Args:
        histories: of the latest runs.
        ghosts: of the runs before, or recorded ones.
        ghost_word: what a ghost is called.
        task: of the latest runs, and what a method weighs of it; None before the first and for recorded runs.
        weights: ``[N]`` of the first method, as it saw each training instance last.
        epochs: length of the axis.
        marked: the epoch to read, from 1; None reads the latest.
        planes: of the latest runs, where their data are points.
    """

    histories: Sequence[History] = ()
    ghosts: Sequence[History] = ()
    epochs: int = 1
    marked: int | None = None
    planes: Sequence[Plane | None] = field(default=())
    ghost_word: str = "before"
    task: Task | None = None
    weights: np.ndarray | None = None

    def firsts(self) -> list[History]:
        """Of each method the first seed, for a picture of one network."""
        return [runs[0] for runs in grouped(self.histories).values()]

    def in_plane(self) -> list[tuple[Plane, History]]:
        """Of each method the first seed, where its data are points and an epoch is over."""
        pairs = zip(self.planes, self.firsts(), strict=False)
        return [(plane, history) for plane, history in pairs if plane is not None]

    def with_curve(self) -> list[History]:
        """Of each method that learns a weight network the first seed, as far as it is read."""
        runs = [cut(h, self.marked) if self.marked else h for h in self.firsts()]
        return [run for run in runs if "weight_curve" in run.epochs and len(run)]

    @property
    def latest_only(self) -> str:
        """Words for a picture that knows the latest epoch alone, where another one is marked."""
        return f" (as it is now, not after epoch {self.marked})" if self.marked else ""

    def read(self) -> list[History]:
        """The histories up to the epoch that is marked."""
        if self.marked is None:
            return list(self.histories)
        return [cut(history, self.marked) for history in self.histories]


def cut(history: History, epochs: int) -> History:
    """The history after that many epochs."""
    rows = {name: values[:epochs] for name, values in history.epochs.items()}
    return History(history.config, history.class_names, history.wrong_label_rate, history.class_counts, rows)
