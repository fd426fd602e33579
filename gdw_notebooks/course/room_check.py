"""Room check: before a class begins, does everything here work? Versions, a widget, the device, one short run."""

from html import escape

from ipywidgets import HTML, Button, VBox

from gdw.experiments.experiment import Experiment
from gdw_notebooks.course import machine
from gdw_notebooks.course.machine import DONE, FAILED, TRIAL, WAITING
from gdw_notebooks.panels.in_notebook import InNotebook

COLORS = {DONE: "#00803c", WAITING: "#767676", FAILED: "#d03030"}  # on a light page and on a dark one


class RoomCheck(InNotebook, VBox):
    """A list of what is looked at, each with a tick; the last one comes when its button is pressed.

    Attributes:
        checks: pairs of a mark (✓, ○, ✗) and words.
        answer: the button that shows that page and kernel talk to each other.
    """

    def __init__(self, trial: Experiment = TRIAL):
        self.checks = [*machine.software(), machine.trial(trial)]
        self.answer = Button(description="Press me", tooltip="shows that this page and its kernel talk to each other")
        self.answer.on_click(lambda button: self._answered())
        self._list = HTML()
        super().__init__([self._list, self.answer])
        self._waiting = (WAITING, "Widgets: press the button below.")
        self._show()

    @property
    def ready(self) -> bool:
        """Whether nothing failed; the button need not have been pressed."""
        return all(mark != FAILED for mark, _ in self.checks)

    def _answered(self) -> None:
        self._waiting = (DONE, "Widgets: your press arrived and came back.")
        self._show()

    def _show(self) -> None:
        lines = "".join(_line(*check) for check in [*self.checks, self._waiting])
        self._list.value = f'<div role="status"><ul style="list-style:none;padding:0">{lines}</ul></div>'

    def __repr__(self) -> str:
        return f"RoomCheck: {'ready' if self.ready else 'look at what failed'}"


def _line(mark: str, words: str) -> str:
    return f'<li><b style="color:{COLORS[mark]}" aria-hidden="true">{mark}</b> {escape(words)}</li>'
