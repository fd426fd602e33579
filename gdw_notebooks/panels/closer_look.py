"""CloserLook: one training instance of a lab's run, opened in the flow microscope beneath the lab."""

from collections.abc import Callable, Sequence

import torch
from ipywidgets import HTML, BoundedIntText, Button, Dropdown, HBox, Layout, VBox

from gdw.training.run import Training
from gdw_notebooks.examples.instances import instances_at
from gdw_notebooks.figures import style
from gdw_notebooks.panels.microscope import FlowMicroscope

# Widths that grow with the type, as the label does.
METHOD_WIDTH, NUMBER_WIDTH = (
    f"calc(var(--jp-widgets-inline-label-width) + {letters} * var(--jp-widgets-font-size))" for letters in (11, 6)
)
TRUTH_UNKNOWN = "The microscope compares a label with the true class, and nobody knows it for these pictures."
FIRST = ["first run"]  # before there is one
TIP = "the flows of this training instance, with the weights that the run's method gives it now"


class CloserLook(VBox):
    """A number, a method and a button; ``show`` does what the button does.

    Args:
        trainings: gives the latest runs; an empty list while they must not be touched.
        why_not: gives what to say where there are none.

    Attributes:
        method: which run, by its place.
        instance: number of the training instance.
        look, shut: the buttons.
        microscope: the FlowMicroscope on show, or None.
    """

    def __init__(self, trainings: Callable[[], Sequence[Training]], why_not: Callable[[], str]):
        self._trainings, self._why_not, self.microscope, self._large = trainings, why_not, None, False
        self.method = Dropdown(options=[(FIRST[0], 0)], description="Look at", layout=Layout(width=METHOD_WIDTH))
        self.instance = BoundedIntText(0, min=0, max=10**9, description="instance", layout=Layout(width=NUMBER_WIDTH))
        self.look = Button(description="Look closer", tooltip=TIP, layout=Layout(width="auto"))
        self.shut = Button(description="Close", tooltip="put the microscope away", layout=Layout(width="auto"))
        self.words = HTML()
        self._row = HBox([self.method, self.instance, self.look], layout=Layout(flex_flow="row wrap"))
        super().__init__([self._row, self.words])
        self.look.on_click(lambda button: self.show(self.method.value, self.instance.value))
        self.shut.on_click(lambda button: self.close_microscope())

    def refresh(self) -> None:
        """Take the methods and the number of instances from the latest runs."""
        trainings = self._trainings()
        titles = [style.method_title(training.experiment.method) for training in trainings] or FIRST
        chosen = min(self.method.value or 0, len(titles) - 1)
        self.method.options = [(title, place) for place, title in enumerate(titles)]
        self.method.value = chosen
        if trainings:
            self.instance.max = len(trainings[0].task.train) - 1

    def show(self, run: int, instance: int) -> None:
        """Show one training instance of a run, by its place and its number."""
        trainings = self._trainings()
        if not trainings:
            self.words.value = self._why_not()
            return
        if trainings[run].task.true_labels is None:
            self.words.value = TRUTH_UNKNOWN
            return
        self.refresh()
        self.method.value, self.instance.value, self.words.value = run, instance, ""
        found = instances_at(trainings[run], torch.tensor([instance], device=trainings[run].task.train.labels.device))
        self.close_microscope()
        self.microscope = FlowMicroscope(found, mode="classes", large=self._large)
        self.children = [self._row, self.words, self.microscope, self.shut]

    def enlarge(self, large: bool) -> None:
        """Large type, or the usual one, for the microscope on show and for those to come."""
        self._large = large
        if self.microscope is not None:
            self.microscope.large = large

    def close_microscope(self) -> None:
        """Put the microscope away."""
        if self.microscope is not None:
            self.children = [self._row, self.words]
            self.microscope.close()
            self.microscope = None
