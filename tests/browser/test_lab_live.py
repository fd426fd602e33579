"""The lab in a real page: presses come after values, a cell run again, Large type on a small screen."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import lab_window
from tests.browser.pages import open_notebook, run_all, show_more, write_notebook

NOTEBOOK = "live_lab.ipynb"
LAB = """
from gdw_notebooks.panels.training_lab import TrainingLab
labs = globals().get("labs", [])
lab = TrainingLab("uniform 60")
labs.append(lab)
lab
"""
# The kernel is busy elsewhere when a value comes: each value then takes a second to arrive.
SLOW = """
import time
from ipywidgets import Widget
set_state = Widget.set_state
def slow(self, state):
    time.sleep(1 if self is lab.controls.rate or self is lab.controls.epochs else 0)
    set_state(self, state)
Widget.set_state = slow
"""
FIRST = """
first = TrainingLab("uniform 60", beside="mwnet").run()
state = first.session.state
first
"""
ENDED = "print(state, [len(history) for history in first.histories])"
STATE = "(len(labs), [each.session.state for each in labs], [h.config['epochs'] for h in labs[-1]._histories()])"
PRESS_MS = 40
RUN_CELL = """async (number) => {
  const panel = window.jupyterapp.shell.currentWidget;
  panel.content.activeCellIndex = number;
  panel.content.deselectAll();
  await window.jupyterapp.commands.execute('notebook:run-cell');
  const outputs = panel.model.sharedModel.cells[number].toJSON().outputs;
  return outputs.map((output) => output.text ?? output.data?.['text/plain'] ?? output.evalue ?? '').join('');
}"""


CLEAR_CELL = """(number) => {
  window.jupyterapp.shell.currentWidget.model.sharedModel.cells[number].clearOutputs();
}"""


@pytest.fixture(scope="module")
def page(browser, lab_server):
    write_notebook(lab_server.root / NOTEBOOK, LAB, SLOW, f"print({STATE})", FIRST, ENDED)
    with lab_window(browser, lab_server) as page:
        open_notebook(page, NOTEBOOK)
        run_all(page)
        page.evaluate(CLEAR_CELL, 3)  # one lab in the page is enough for the other tests
        yield page


def status(page: Page):
    return page.get_by_role("status").filter(visible=True).first


def test_a_cell_that_runs_a_lab_shows_it_at_once_and_the_next_cell_waits_for_its_end(page):
    """All cells have run by now: the one that made the lab was over long before its training."""
    assert page.evaluate(RUN_CELL, 4).strip() == "running [60, 60]"


def test_what_the_page_shows_when_train_is_pressed_is_what_trains(page):
    for epochs in ("3", "2", "4"):
        show_more(page)
        field = page.get_by_label("Epochs", exact=True)
        field.fill(epochs)
        page.wait_for_timeout(PRESS_MS)
        page.get_by_role("button", name="Train", exact=True).click()
        expect(page.get_by_role("img", name=re.compile(f"After {epochs} epochs"))).to_be_visible()
        expect(status(page)).to_contain_text("Done.")
        assert page.evaluate(RUN_CELL, 2).strip().endswith(f"[{epochs}, {epochs}])")


def test_a_cell_that_is_run_again_ends_its_old_run(page):
    show_more(page)
    field = page.get_by_label("Epochs", exact=True)
    field.fill("5000")
    page.get_by_role("button", name="Train", exact=True).click()
    expect(status(page)).to_contain_text("Training")
    page.evaluate(RUN_CELL, 0)
    found = page.evaluate(RUN_CELL, 2)
    assert "(2, ['stopped', 'idle']" in found, found


def test_with_large_type_the_curve_is_above_the_fold(page):
    page.get_by_role("button", name="Large type").click()
    picture = page.get_by_role("img", name=re.compile("^Learning curves"))
    expect(picture).to_be_visible()
    page.get_by_role("button", name="Train", exact=True).scroll_into_view_if_needed()
    box, top = picture.bounding_box(), page.get_by_role("button", name="Train", exact=True).bounding_box()["y"]
    assert box["y"] - top + box["height"] < 800 - 90  # below JupyterLab's own bars
    page.get_by_role("button", name="Large type").click()
