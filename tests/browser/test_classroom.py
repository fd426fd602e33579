"""The classroom page under Voilà: every tab shows its panel, the lab trains and stops, two windows are two runs."""

import pytest
from playwright.sync_api import Page, expect

from gdw_notebooks.panels.classroom import TABS
from tests.browser.pages import open_voila

PATIENCE = 120_000  # milliseconds: the kernel imports torch and trains the microscope's short run first


@pytest.fixture
def page(voila_page: Page) -> Page:
    open_voila(voila_page, "demo/classroom.ipynb")
    expect(voila_page.get_by_role("tab", name="Training lab")).to_be_visible(timeout=PATIENCE)
    return voila_page


def test_every_tab_shows_its_question_and_its_panel(page: Page):
    for name, question in TABS.items():
        page.get_by_role("tab", name=name).click()
        expect(page.get_by_text(question)).to_be_visible(timeout=10_000)
        picture = page.locator("img:visible, svg:visible, canvas:visible, [role=slider]:visible")
        expect(picture.first).to_be_visible(timeout=10_000)


def test_the_lab_trains_and_stops(page: Page):
    train, stop = (page.get_by_role("button", name=name, exact=True) for name in ("Train", "Stop"))
    train.click()
    expect(stop).to_be_enabled(timeout=10_000)
    page.wait_for_timeout(2_000)
    stop.click()
    expect(train).to_be_enabled(timeout=10_000)
