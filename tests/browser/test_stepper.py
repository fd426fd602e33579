"""Notebook 03 in JupyterLab: the stepper by keyboard alone, forward and back."""

from playwright.sync_api import Page, expect

from tests.browser.pages import open_notebook, run_all


def stage(page: Page, number: int):
    return page.locator(f'img[alt^="Stage {number} of 10"]')


def test_keyboard_steps_forward_and_back(lab_page):
    open_notebook(lab_page, "03_learning_from_a_clean_set.ipynb")
    run_all(lab_page)
    picture = stage(lab_page, 8)
    picture.scroll_into_view_if_needed()
    expect(picture).to_be_visible()
    words = picture.get_attribute("alt")
    lab_page.get_by_role("button", name="Forward ▶").focus()
    lab_page.keyboard.press("Enter")
    expect(stage(lab_page, 9)).to_be_visible()
    lab_page.keyboard.press("Shift+Tab")  # to Back
    lab_page.keyboard.press("Enter")
    expect(stage(lab_page, 8)).to_be_visible()
    assert stage(lab_page, 8).get_attribute("alt") == words
    handle = lab_page.get_by_role("slider").first
    handle.focus()
    handle.press("ArrowRight")
    expect(stage(lab_page, 9)).to_be_visible()
    handle.press("ArrowLeft")
    expect(stage(lab_page, 8)).to_be_visible()
