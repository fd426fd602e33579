"""The classroom page under Voilà: every tab, by hand and by keyboard alone; two windows are two runs; access."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from gdw_notebooks.panels.classroom import TABS
from gdw_notebooks.recorded.glossary import explain
from gdw_notebooks.recorded.scenarios import SCENARIOS
from tests.browser.access import barriers, tab_to
from tests.browser.conftest import watched_page
from tests.browser.pages import open_voila, show_more
from tests.browser.screen import cut_off

PAGE = "demo/classroom.ipynb"
PICTURE = "img, [role=img], [role=slider], input[type=range]"
LONG, SHORT = "2000", "3"  # epochs: one that only Stop ends, and one that ends at once
LEARNING_CURVES = re.compile("^Learning curves")


@pytest.fixture(scope="module")
def page(browser, voila_server):
    """One window for all tests here; each goes back to the start by itself."""
    with watched_page(browser, voila_server) as page:
        yield classroom(page)


def classroom(page: Page) -> Page:
    open_voila(page, PAGE)
    expect(page.get_by_role("tab", name="Training lab")).to_be_visible()
    return page


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True).locator("visible=true")


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()
    expect(page.get_by_text(TABS[name])).to_be_visible()


def words(page: Page) -> Locator:
    return page.get_by_role("status").locator("visible=true").first


def reset(page: Page) -> None:
    """And wait until it is done: words of an earlier run must not be taken for those of the next."""
    button(page, "Reset").click()
    expect(words(page)).to_contain_text("Ready")


def epochs(page: Page, number: str) -> None:
    show_more(page)
    field = page.get_by_label("Epochs", exact=True)
    field.fill(number)
    field.press("Enter")


@pytest.mark.parametrize("name", TABS)
def test_every_tab_shows_its_panel_and_nothing_in_it_bars_anyone(page, name):
    tab(page, name)
    expect(page.locator(PICTURE).locator("visible=true").first).to_be_visible()
    assert not barriers(page)


def test_the_lab_trains_refuses_a_second_train_and_stops(page):
    tab(page, "Training lab")
    epochs(page, LONG)
    button(page, "Train").click()
    expect(words(page)).to_contain_text(re.compile(r"Training: [1-9]\d* of 2000"))
    button(page, "Train").click()
    button(page, "Stop").click()
    expect(words(page)).to_contain_text("Stopped")
    reset(page)


def test_a_run_code_pasted_restores_the_controls(page):
    tab(page, "Training lab")
    show_more(page)
    code = page.get_by_label("Run code")
    code.fill(f"{SCENARIOS['flip 40'].with_(seed=7).code}")
    code.press("Tab")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("7")
    expect(page.get_by_label("Label noise", exact=True)).to_have_value(re.compile("flip"))
    reset(page)
    expect(page.get_by_label("Seed", exact=True)).to_have_value("0")


def test_the_lab_by_keyboard_alone(page):
    tab(page, "Training lab")
    show_more(page)
    field = page.get_by_label("Epochs", exact=True)
    field.focus()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type(SHORT)
    page.keyboard.press("Tab")
    tab_to(page, "Train")
    page.keyboard.press("Enter")
    expect(words(page)).to_contain_text("Done.")
    expect(page.get_by_role("img", name=LEARNING_CURVES)).to_have_attribute("aria-label", re.compile("After 3 epochs"))
    slider = page.get_by_role("slider", name="Epoch", exact=True).locator("visible=true")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("^2"))
    reset(page)


def test_a_point_of_the_plane_opens_in_the_microscope(page):
    tab(page, "Training lab")
    show_more(page)
    page.get_by_label("Data", exact=True).select_option("clouds")
    epochs(page, SHORT)
    button(page, "Train").click()
    expect(words(page)).to_contain_text("Done.")
    page.get_by_role("button", name="Regions").click()
    expect(page.get_by_role("img", name=re.compile("^Points in the plane"))).to_be_visible()
    page.locator("[data-point='5']").first.dispatch_event("click")  # another point may lie on it
    microscope = page.get_by_role("region", name="Flow microscope").locator("visible=true")
    expect(microscope).to_contain_text("training image 5")
    button(page, "Close").click()
    expect(microscope).to_have_count(0)
    reset(page)


def test_microscope_and_stepper_by_keyboard(page):
    tab(page, "Flow microscope")
    cat = page.get_by_role("slider", name="Weight of cat", exact=True)
    cat.focus()
    page.keyboard.press("Home")
    expect(cat).to_have_attribute("aria-valuenow", "0.000")
    tab(page, "Class stepper")
    button(page, "Forward ▶").focus()
    page.keyboard.press("Enter")
    where = page.locator(".gdw-steps .where").locator("visible=true")
    expect(where).to_contain_text("Station 2 of")
    page.keyboard.press("ArrowLeft")
    expect(where).to_contain_text("Station 1 of")


def test_the_ledger_by_keyboard(page):
    tab(page, "Flow ledger")
    slider = page.get_by_role("slider", name="Epoch", exact=True).locator("visible=true")
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".gdw-steps .finding").locator("visible=true")).to_contain_text("Epoch 2.")


PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def test_on_a_phone_nothing_scrolls_sideways_and_a_tap_explains_a_word(browser, voila_server):
    with watched_page(browser, voila_server, **PHONE) as page:
        classroom(page)
        for name in TABS:
            page.get_by_role("tab", name=name).tap()
            expect(page.get_by_text(TABS[name])).to_be_visible()
            word = page.locator(".gdw-word").locator("visible=true").first
            meaning = page.locator(f"[id={word.get_attribute('popovertarget')}]")
            expect(meaning).to_be_hidden()
            word.tap()
            expect(meaning).to_have_text(explain(word.text_content()))
            expect(meaning).to_be_visible()
            page.keyboard.press("Escape")
            expect(meaning).to_be_hidden()
            expect(page.locator(PICTURE).locator("visible=true").first).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
            assert not cut_off(page.locator("body")), name


def test_two_windows_are_two_runs(page, browser, voila_server):
    with watched_page(browser, voila_server) as second:
        classroom(second)
        epochs(second, LONG)
        button(second, "Train").click()
        expect(words(second)).to_contain_text("Training: ")
        tab(page, "Training lab")
        expect(words(page)).to_contain_text("Ready")
        show_more(page)
        expect(page.get_by_label("Epochs", exact=True)).to_have_value("60")
        button(second, "Stop").click()
        expect(words(second)).to_contain_text("Stopped")
