"""Notebook 01 in JupyterLab: the cat's bar dragged to 0 lifts the cat over the bird."""

import pytest
from playwright.sync_api import expect

from tests.browser.access import OUTPUTS, barriers
from tests.browser.conftest import notebook_window
from tests.browser.test_microscope import drag, numbers, weight_of


@pytest.fixture(scope="module")
def page(browser, lab_server):
    with notebook_window(browser, lab_server, "01_gradient_flows.ipynb") as page:
        yield page


def test_a_dragged_bar_lifts_the_cat(page):
    microscope = page.get_by_role("region", name="Flow microscope").nth(1)  # the one with a weight for each class
    cat = weight_of(microscope, "cat")
    cat.hover()  # scrolls there
    expect(microscope.locator("dd").nth(2)).to_have_text("−0.500")
    drag(page, cat, 600)  # far to the right: down to weight 0
    expect(microscope.locator("dd").nth(2)).to_have_text("+0.100")
    assert numbers(microscope) == ["0.000", "−0.100", "+0.100"]


def test_nothing_in_its_outputs_bars_anyone(page):
    assert not barriers(page, within=OUTPUTS)
