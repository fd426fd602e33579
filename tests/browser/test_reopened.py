"""A notebook saved with panels and opened again without its kernel: each panel is a picture and says what to do."""

import pytest
from playwright.sync_api import expect

from gdw_notebooks.panels.in_notebook import AGAIN
from tests.browser import servers
from tests.browser.conftest import lab_window
from tests.browser.pages import open_notebook, run_all, write_notebook

NOTEBOOK = "reopened.ipynb"
CELLS = (
    "from gdw_notebooks.panels.broken_data import BrokenData\nBrokenData([[0.5, 0.5], [0.0, 1.0]], ('cat', 'dog'))",
    "from gdw_notebooks.panels.stepper import BilevelStepper\nBilevelStepper()",
    "import gdw\nfrom gdw_notebooks.panels.training_lab import TrainingLab\n"
    "TrainingLab(gdw.Experiment(dataset='clouds', rate=0.6, epochs=2), beside='').run()",
)
SAVE = "() => window.jupyterapp.commands.execute('docmanager:save')"


@pytest.fixture(scope="module")
def saved(browser, lab_server):
    write_notebook(lab_server.root / NOTEBOOK, *CELLS)
    with lab_window(browser, lab_server) as page:
        open_notebook(page, NOTEBOOK)
        run_all(page)
        expect(page.locator(".gdw-panel")).to_have_count(2)
        expect(page.get_by_text(AGAIN)).to_have_count(3)
        expect(page.locator(".gdw-kept img[alt*='GDW']")).to_have_count(1, timeout=60_000)  # of the end of the run
        for words in page.get_by_text(AGAIN).all():
            expect(words).to_be_hidden()  # the panels are alive
        page.evaluate(SAVE)  # and waits for it
    return NOTEBOOK


def test_an_opened_notebook_shows_pictures_and_says_how_to_move_them(browser, lab_server, saved):
    servers.end_kernels(lab_server)
    with lab_window(browser, lab_server, ("model not found", "widget model")) as page:
        open_notebook(page, saved)
        expect(page.get_by_text(AGAIN)).to_have_count(3)
        for words in page.get_by_text(AGAIN).all():
            expect(words).to_be_visible()
        expect(page.locator(".gdw-kept img").first).to_be_visible()
        expect(page.locator(".gdw-kept img[alt*='GDW']")).to_be_visible()
        expect(page.locator(".gdw-kept .gdw-steps")).to_be_visible()
        expect(page.get_by_text("model not found").locator("visible=true")).to_have_count(0)
        run_all(page)
        expect(page.locator(".gdw-panel")).to_have_count(2)
        expect(page.get_by_text(AGAIN).locator("visible=true")).to_have_count(0)
