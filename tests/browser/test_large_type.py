"""Every picture of the classroom with Large type on a screen of 1280 x 800, and at 200 %: nothing is cut off."""

import re

import pytest
from playwright.sync_api import Page, expect

from gdw_notebooks.panels.classroom import TABS
from gdw_notebooks.panels.lab_views import VIEWS, offered
from tests.browser.conftest import SCREEN, watched_page
from tests.browser.pages import show_more
from tests.browser.screen import ZOOM_200, bottom, cut_off, settled, to_the_top, top
from tests.browser.test_classroom import button, classroom, epochs, words

LAB = "Training lab"
PANELS = [*((LAB, view) for view in offered(plane=True)), *((name, "") for name in TABS if name != LAB)]
every_picture = pytest.mark.parametrize(("tab", "view"), PANELS, ids=[f"{tab} {view}".strip() for tab, view in PANELS])
FIRST_ROW = {
    "Training lab": "Train", "Broken data": "Reset", "Flow microscope": "Previous", "Instance stepper": "◀ Back",
    "Class stepper": "◀ Back", "Flow ledger": "Play", "Effect map": "Compute this cell",
}  # fmt: skip
STEPPERS = ("Instance stepper", "Class stepper")
MOVED = (*STEPPERS, "Flow ledger")  # pages, whose tables are no second view


@pytest.fixture(scope="module")
def page(browser, voila_server):
    """A trained lab on points in the plane, so that all of its views have something to show, in large type."""
    with watched_page(browser, voila_server) as page:
        classroom(page)
        show_more(page)
        page.get_by_label("Data", exact=True).select_option("clouds")
        epochs(page, "3")
        button(page, "Train").click()
        expect(words(page)).to_contain_text("Done.")
        button(page, "Large type").click()
        expect(page.locator(".gdw-panel.gdw-large").first).to_be_visible()
        yield page


def show(page: Page, tab: str, view: str, screen: dict) -> None:
    page.set_viewport_size(screen)
    page.get_by_role("tab", name=tab).click()
    if view:
        page.get_by_role("button", name=view, exact=True).click()
        expect(page.get_by_role("img", name=re.compile("^" + re.escape(VIEWS[view].words[:20])))).to_be_visible()
    settled(page)
    to_the_top(page)


@every_picture
def test_with_large_type_the_whole_picture_is_on_a_small_screen(page, tab, view):
    """From the panel's first row of buttons to the picture's last line."""
    show(page, tab, view, SCREEN)
    first = button(page, FIRST_ROW[tab])
    if tab == "Flow microscope":
        picture = page.get_by_role("region", name="Flow microscope").locator("visible=true").locator(".rows")
    elif tab in MOVED:
        picture = page.locator(".gdw-steps :is(.planes, .finding)").locator("visible=true").first
    else:
        picture = page.locator(".gdw-panel img:visible, .gdw-panel [role=img]:visible").first
    expect(picture).to_be_visible()
    assert bottom(picture) - min(top(first), top(picture)) <= SCREEN["height"]
    if tab in STEPPERS:  # even from the top of the page
        assert bottom(page.locator(".stage.now .reading").locator("visible=true")) < SCREEN["height"]


@every_picture
def test_at_200_percent_nothing_is_cut_off_at_a_side(page, tab, view):
    """Neither of the picture nor of its table."""
    show(page, tab, view, ZOOM_200)
    nothing_is_cut_off(page)
    if tab in MOVED:
        switch = page.locator(".gdw-steps summary").locator("visible=true").last
    elif tab == "Flow microscope":
        switch = page.get_by_text("Data as a table").locator("visible=true")
    else:
        switch = button(page, "Show as table")
    tables = page.locator("table:visible").count()
    switch.click()
    expect(page.locator("table:visible")).not_to_have_count(tables)
    try:
        settled(page)
        nothing_is_cut_off(page)
    finally:
        switch.click()


def nothing_is_cut_off(page: Page) -> None:
    assert not cut_off(page.locator("body"))
    wide, seen = page.evaluate("() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert wide <= seen
