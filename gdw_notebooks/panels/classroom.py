"""Classroom: everything there is to touch, one tab each, on a page without code."""

from functools import cached_property

import anywidget
import traitlets
from ipywidgets import HTML, Tab, VBox

import gdw
from gdw_notebooks.examples.instances import cat_dog_bird
from gdw_notebooks.figures.pictogram import cat_picture
from gdw_notebooks.panels.base import Panel
from gdw_notebooks.panels.broken_data import BrokenData
from gdw_notebooks.panels.effect_map import EffectMap
from gdw_notebooks.panels.in_notebook import InNotebook
from gdw_notebooks.panels.ledger import FlowLedger
from gdw_notebooks.panels.microscope import FlowMicroscope
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.panels.training_lab import TrainingLab
from gdw_notebooks.recorded import microscope
from gdw_notebooks.recorded.glossary import words_used
from gdw_notebooks.recorded.histories import load

TABS = {
    "Training lab": "Choose what is wrong with the data and two ways to learn from it. Who wins, and at what?",
    "Broken data": "How do labels go wrong? Call some cats dogs, and look at what carries the label dog.",
    "Flow microscope": "One label sends one flow to every class. Which of them would you turn down?",
    "Instance stepper": "A weight for each picture: try a step, judge it, throw it away. Which weight falls?",
    "Class stepper": "A weight for each class: one step, tensor by tensor. Which way does each weight go, and why?",
    "Flow ledger": "Where do weights and gradients go, class by class, as training runs?",
    "Effect map": "Noise and imbalance together: where does GDW win, where does it lose, and against whom?",
}
# Explained by a tap or on hover, above the panel that uses them.
WORDS = {
    "Training lab": ("method", "weight network", "label noise", "imbalance", "MWNet", "GDW", "seed"),
    "Broken data": ("label noise", "transition matrix", "observed label", "imbalance"),
    "Flow microscope": ("flow", "logit", "observed label", "zero-mean constraint"),
    "Instance stepper": ("instance weight", "virtual step", "meta gradient", "clean set"),
    "Class stepper": ("weight network", "virtual step", "meta gradient", "clean set", "stage two"),
    "Flow ledger": ("flow", "pull and push", "mass", "long tail", "tied GDW"),
    "Effect map": ("tied GDW", "paired difference", "interval", "Holm's correction", "imbalance"),
}
PANELS = dict(
    zip(TABS, ("lab", "broken", "microscope", "instance_stepper", "stepper", "ledger", "effects"), strict=True)
)
HALF_OF_THE_CATS = [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]  # are called dogs, as in notebook 02


class Classroom(InNotebook, Tab):
    """The panels of the notebooks, each with its question above it.

    A panel is made when its tab is first shown: a page needs time and memory for what its visitor opens, no more.

    Attributes:
        large: type for a projector, one choice for all tabs.
    """

    large = traitlets.Bool(False)

    def __init__(self):
        super().__init__([VBox([_question(tab)]) for tab in TABS], titles=list(TABS), selected_index=0)
        self.add_class("gdw-classroom")
        self._show_panel()
        self.observe(lambda change: self._show_panel(), names="selected_index")

    @cached_property
    def lab(self) -> TrainingLab:
        return self._sized(TrainingLab())

    @cached_property
    def broken(self) -> BrokenData:
        return self._sized(BrokenData(HALF_OF_THE_CATS, ("cat", "dog", "bird")))

    @cached_property
    def microscope(self) -> FlowMicroscope:
        return self._sized(FlowMicroscope(_instances(), mode="classes"))

    @cached_property
    def instance_stepper(self) -> BilevelStepper:
        return self._sized(BilevelStepper("instance"))

    @cached_property
    def stepper(self) -> BilevelStepper:
        return self._sized(BilevelStepper("class"))

    @cached_property
    def ledger(self) -> FlowLedger:
        return self._sized(FlowLedger(_recorded()))

    @cached_property
    def effects(self) -> EffectMap:
        return self._sized(EffectMap())

    def _show_panel(self) -> None:
        """The panel of the tab that is shown, below its question."""
        if self.selected_index is None:
            return
        tab = self.children[self.selected_index]
        panel = getattr(self, PANELS[self.titles[self.selected_index]])
        if panel not in tab.children:
            tab.children = (*tab.children, panel)

    def _sized(self, panel: Panel | anywidget.AnyWidget) -> Panel | anywidget.AnyWidget:
        """The panel, in the size of all others, now and later: a projector stays a projector."""
        traitlets.link((self, "large"), (panel.large, "value") if isinstance(panel, Panel) else (panel, "large"))
        return panel

    def __repr__(self) -> str:
        return "Classroom()"

    def printed(self) -> tuple[bytes, str]:
        return self.lab.printed()


def _question(tab: str) -> HTML:
    return HTML(f"<p class='gdw-question'>{TABS[tab]}</p>{words_used(*WORDS[tab])}")


def _instances() -> list:
    """The cat that is labelled dog, then recorded mislabelled and clean digits of a short run."""
    return [cat_dog_bird(cat_picture()), *microscope.load()]


def _recorded() -> list[gdw.History]:
    """GDW and tied GDW on the long tail, first seed."""
    runs = load("05-long-tail")
    return [runs["gdw"][0], runs["gdw-tied"][0]]
