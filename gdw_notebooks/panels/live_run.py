"""The published CIFAR-10 run in the lab, where there is a GPU and the pictures; else what it would need, in words."""

import time
from html import escape
from pathlib import Path

import torch
from ipywidgets import HTML, VBox

from gdw.data.dataset import Dataset
from gdw.data.datasets import cifar10_at, load_dataset
from gdw.experiments.experiment import Experiment
from gdw.training.run import Training
from gdw_notebooks.panels.in_notebook import InNotebook
from gdw_notebooks.panels.training_lab import TrainingLab

WARM_UP, STEPS = 5, 30  # of the steps that are timed
SECONDS_PER_MINUTE = 60


class LiveRun(InNotebook, VBox):
    """A TrainingLab on CIFAR-10, with the time of one step; without a GPU or without pictures a sentence.

    Its text is the same on every machine; what depends on this machine is in the widget.

    Args:
        pictures: torchvision's folder of CIFAR-10, or an image folder of it; None has none.
        beside: the second method.
        changes: fields of the Experiment instead of the published ones.

    Attributes:
        missing: what this machine lacks, in words; empty where nothing is.
        words: the widget that says so, or how long a step takes.
        lab: the TrainingLab, where nothing is missing.
    """

    def __init__(self, pictures: str | Path | None = None, beside: str = "mwnet", **changes):
        self.missing, self.words, self.lab = what_is_missing(pictures), HTML(), None
        super().__init__([self.words])
        if self.missing:
            self._say(f"The same run live needs {self.missing}. Without it the recorded runs above are all there is.")
            return
        folder = Path(pictures).expanduser()
        name = cifar10_at(folder)
        dataset = load_dataset(name, root=folder)
        published = {"noise": "uniform", "rate": 0.6, "method": "gdw"}
        experiment = Experiment(dataset=name, **published | changes)
        milliseconds, steps = step_milliseconds(experiment, dataset)
        minutes = milliseconds * steps * experiment.epochs / 1000 / SECONDS_PER_MINUTE
        self._say(
            f"One step of GDW takes {milliseconds:.1f} ms here; {experiment.epochs} epochs of {steps} steps take about "
            f"{minutes:.1f} minutes. Press Train."
        )
        self.lab = TrainingLab(experiment, beside=beside, dataset=dataset)
        self.children = [self.words, self.lab]

    def _say(self, words: str) -> None:
        self.words.value = f'<div role="status">{escape(words)}</div>'

    def __repr__(self) -> str:
        return "LiveRun: the published run in a lab, where there are a GPU and CIFAR-10; else what is missing"


def what_is_missing(pictures: str | Path | None) -> str:
    """What a live run of CIFAR-10 lacks here, in words; empty where it lacks nothing."""
    lacking = [] if torch.cuda.is_available() else ["a GPU that torch can use (two CPU cores take half a day)"]
    if pictures is None:
        folders = "torchvision's folder, or one with train/<class>/... and test/<class>/..."
        lacking.append(f"CIFAR-10's pictures (let `pictures` name {folders})")
    else:
        try:
            cifar10_at(Path(pictures).expanduser())
        except FileNotFoundError as error:
            lacking.append(f"CIFAR-10's pictures ({error})")
    return " and ".join(lacking)


def step_milliseconds(experiment: Experiment, dataset: Dataset, steps: int = STEPS) -> tuple[float, int]:
    """Time of one training step in the first epoch, after a few to warm up, and how many steps make an epoch.

    The model that is trained for it is thrown away.

    Args:
        steps: at most so many are timed.
    """
    training = Training(experiment, dataset=dataset)
    events = training.events()
    batches = next(events).batches
    warm_up = min(WARM_UP, batches - 1)
    steps = min(steps, batches - warm_up)
    for _ in range(warm_up - 1):
        next(events)
    _wait(training)
    started = time.perf_counter()
    for _ in range(steps):
        next(events)
    _wait(training)
    return 1000 * (time.perf_counter() - started) / steps, batches


def _wait(training: Training) -> None:
    """A GPU works behind the host's back: until it is done, no time is the step's."""
    if next(training.model.parameters()).device.type == "cuda":
        torch.cuda.synchronize()
