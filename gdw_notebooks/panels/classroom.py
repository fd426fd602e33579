"""Classroom: everything there is to touch, one tab each, on a page without code."""

from ipywidgets import HTML, Tab, VBox

import gdw
from gdw_notebooks.examples.instances import cat_dog_bird
from gdw_notebooks.figures.pictogram import cat_picture
from gdw_notebooks.panels.ledger import FlowLedger
from gdw_notebooks.panels.microscope import FlowMicroscope
from gdw_notebooks.panels.picture import with_picture
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.panels.training_lab import TrainingLab
from gdw_notebooks.recorded import microscope
from gdw_notebooks.recorded.glossary import words_used
from gdw_notebooks.recorded.histories import load

TABS = {
    "Training lab": "Choose what is wrong with the data and two ways to learn from it. Who wins, and at what?",
    "Flow microscope": "One label sends one message to every class. Which of them would you turn down?",
    "Bilevel stepper": "One step of learning the weights, tensor by tensor. Which way does each weight go, and why?",
    "Flow ledger": "Where do weights and gradients go, class by class, as training runs?",
}
# Explained on hover, above the panel that uses them.
WORDS = {
    "Training lab": ("method", "weight network", "label noise", "imbalance", "MWNet", "GDW", "seed"),
    "Flow microscope": ("flow", "pull and push", "logit", "observed label", "zero-mean constraint"),
    "Bilevel stepper": ("weight network", "virtual step", "meta gradient", "clean set", "stage two"),
    "Flow ledger": ("flow", "pull and push", "mass", "long tail", "tied GDW"),
}


class Classroom(Tab):
    """Training lab, microscope, stepper and ledger; each as in the notebooks, with its question above it."""

    def __init__(self):
        self.lab, self.microscope = TrainingLab(), FlowMicroscope(_instances(), mode="classes")
        self.stepper, self.ledger = BilevelStepper("class"), FlowLedger(_recorded())
        panels = (self.lab, self.microscope, self.stepper, self.ledger)
        questions = (
            HTML(f"<p class='gdw-question'>{question}</p>{words_used(*WORDS[tab])}") for tab, question in TABS.items()
        )
        super().__init__([VBox(pair) for pair in zip(questions, panels, strict=True)], titles=list(TABS))
        self.add_class("gdw-classroom")
        self._enlarging = False
        for panel in (self.lab, self.stepper, self.ledger):
            panel.large.observe(self._enlarge_all, names="value")

    def _enlarge_all(self, change: dict) -> None:
        """Large type is one choice for all tabs: a projector stays a projector."""
        if self._enlarging:
            return
        self._enlarging = True
        try:
            self.microscope.large = change["new"]
            for panel in (self.lab, self.stepper, self.ledger):
                panel.large.value = change["new"]
        finally:
            self._enlarging = False

    def __repr__(self) -> str:
        return "Classroom()"

    def _repr_mimebundle_(self, **kwargs) -> tuple[dict, dict]:
        return with_picture(super()._repr_mimebundle_(**kwargs), self.lab.picture)


def _instances() -> list:
    """The cat that is labelled dog, then recorded mislabelled and clean digits of a short run."""
    return [cat_dog_bird(cat_picture()), *microscope.load()]


def _recorded() -> list[gdw.History]:
    """GDW and tied GDW on the long tail, first seed."""
    runs = load("05-long-tail")
    return [runs["gdw"][0], runs["gdw-tied"][0]]
