"""Notebook 03 in JupyterLab: the stepper by keyboard alone, forward and back."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.access import OUTPUTS, barriers, tab_to
from tests.browser.conftest import SCREEN, notebook_window
from tests.browser.screen import bottom, top


@pytest.fixture(scope="module")
def page(browser, lab_server):
    with notebook_window(browser, lab_server, "03_learning_from_a_clean_set.ipynb") as page:
        yield page


def stage(page: Page, number: int):
    return page.locator(".gdw-steps .stage.now", has_text=f"{number}. ").first


def test_keyboard_steps_forward_and_back(page):
    shown = stage(page, 8)
    shown.scroll_into_view_if_needed()
    expect(shown).to_be_visible()
    words = shown.aria_snapshot()
    page.get_by_role("button", name="Forward ▶").focus()
    page.keyboard.press("Enter")
    expect(stage(page, 9)).to_be_visible()
    page.keyboard.press("Shift+Tab")  # to Back
    page.keyboard.press("Enter")
    expect(stage(page, 8)).to_be_visible()
    tab_to(page, "Station")
    page.keyboard.press("ArrowRight")
    expect(stage(page, 9)).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(stage(page, 8)).to_be_visible()
    assert stage(page, 8).aria_snapshot() == words


def test_with_large_type_all_of_it_is_on_a_small_screen(page):
    switch = page.locator(".gdw-steps").get_by_role("button", name="Large type").first
    switch.click()
    first = page.get_by_role("button", name="◀ Back").first
    first.evaluate("(button) => button.scrollIntoView({ block: 'start' })")
    assert bottom(stage(page, 8)) <= SCREEN["height"]
    assert top(stage(page, 8)) > 0
    switch.click()


def test_nothing_in_its_outputs_bars_anyone(page):
    assert not barriers(page, within=OUTPUTS)
