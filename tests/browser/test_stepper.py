"""Notebook 03 in JupyterLab: the stepper by keyboard alone, forward and back."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.access import OUTPUTS, barriers, tab_to
from tests.browser.conftest import notebook_window


@pytest.fixture(scope="module")
def page(browser, lab_server):
    with notebook_window(browser, lab_server, "03_learning_from_a_clean_set.ipynb") as page:
        yield page


def stage(page: Page, number: int):
    return page.locator(f'img[alt^="Stage {number} of 10"]')


def test_keyboard_steps_forward_and_back(page):
    picture = stage(page, 8)
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    words = picture.get_attribute("alt")
    page.get_by_role("button", name="Forward ▶").focus()
    page.keyboard.press("Enter")
    expect(stage(page, 9)).to_be_visible()
    page.keyboard.press("Shift+Tab")  # to Back
    page.keyboard.press("Enter")
    expect(stage(page, 8)).to_be_visible()
    assert stage(page, 8).get_attribute("alt") == words
    tab_to(page, "Stage")
    page.keyboard.press("ArrowRight")
    expect(stage(page, 9)).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(stage(page, 8)).to_be_visible()
    assert stage(page, 8).get_attribute("alt") == words


def test_nothing_in_its_outputs_bars_anyone(page):
    assert not barriers(page, within=OUTPUTS)
