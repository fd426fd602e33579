"""The playground inside JupyterLab, as notebook 00 opens it."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import SCREEN
from tests.browser.pages import open_notebook, run_cells
from tests.browser.screen import bottom, top

NOTEBOOK = "00_start_here.ipynb"


def test_the_playground_trains_in_its_frame(lab_page):
    """After the notebook's first two cells; scene and Train button are on the screen together."""
    open_notebook(lab_page, NOTEBOOK)
    run_cells(lab_page, 2)
    inside = lab_page.frame_locator("iframe[title='The playground']")
    train, scene = inside.get_by_role("button", name="Train", exact=True), inside.locator("canvas").last
    train.click()
    expect(inside.locator("#steps")).to_have_text(re.compile("[1-9]"))
    inside.get_by_role("button", name="Pause", exact=True).click()
    assert inside.locator("body").evaluate("(body) => body.scrollHeight <= innerHeight")
    assert 0 < bottom(scene) - top(train) < 0.6 * SCREEN["height"]
