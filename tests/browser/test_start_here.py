"""Notebook 00 in JupyterLab: change noise and imbalance, Train, see the curve grow, Stop; by hand, then by keyboard."""

import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from gdw_notebooks.recorded.scenarios import SCENARIOS
from tests.browser.access import OUTPUTS, barriers, tab_to
from tests.browser.conftest import SCREEN, notebook_window
from tests.browser.pages import show_more
from tests.browser.screen import bottom, top

NOTEBOOK = "00_start_here.ipynb"
MANY_EPOCHS = "2000"  # so that it is the Stop button that ends the run
TRAIN_MS = 60_000
STILL_MS = 1000  # long enough for several epochs to show, if there were any
CURVES = re.compile("^Learning curves")


@pytest.fixture(scope="module")
def page(browser, lab_server):
    """One window for all tests here; the notebook is run once."""
    with notebook_window(browser, lab_server, NOTEBOOK) as page:
        yield page


def epochs_drawn(page: Page) -> int:
    """As the picture's label says: "After 12 epochs: ..."."""
    words = page.get_by_role("img", name=CURVES).get_attribute("aria-label") or ""
    found = re.search(r"After (\d+) epoch", words)
    return int(found[1]) if found else 0


def wait_for_epochs(page: Page, more_than: int) -> int:
    deadline = time.monotonic() + TRAIN_MS / 1000
    while (drawn := epochs_drawn(page)) <= more_than:
        assert time.monotonic() < deadline, f"the curve stays at {drawn} epochs"
        page.wait_for_timeout(50)
    return drawn


def choose(page: Page, label: str, option: str) -> None:
    page.get_by_label(label, exact=True).select_option(label=option)


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def words(page: Page) -> Locator:
    """What the lab says of its run."""
    return page.locator(".gdw-panel").get_by_role("status").first


def wait_for_the_end(page: Page) -> None:
    """The words say where it stopped, and the last picture shows the same."""
    expect(words(page)).to_contain_text("Stopped")
    done = re.search(r"Stopped: (\d+) of", words(page).inner_text())[1]
    expect(page.get_by_role("img", name=CURVES)).to_have_attribute("aria-label", re.compile(f"After {done} epoch"))


def reset(page: Page) -> None:
    page.locator(".gdw-panel").get_by_role("button", name="Reset", exact=True).first.click()
    expect(words(page)).to_contain_text("Ready")
    expect(page.get_by_role("img", name=CURVES)).to_have_attribute("aria-label", re.compile("No epoch is over yet"))


def test_the_room_check_hears_its_button(page):
    press(page, "Press me")
    expect(page.get_by_text("your press arrived and came back")).to_be_visible()


def test_the_playground_trains_in_its_frame(page):
    """Scene and Train button are on the screen together."""
    inside = page.frame_locator("iframe[title='The playground']")
    train, scene = inside.get_by_role("button", name="Train", exact=True), inside.locator("canvas").last
    train.click()
    expect(inside.locator("#steps")).to_have_text(re.compile("[1-9]"))
    inside.get_by_role("button", name="Pause", exact=True).click()
    assert inside.locator("body").evaluate("(body) => body.scrollHeight <= innerHeight")
    assert 0 < bottom(scene) - top(train) < 0.6 * SCREEN["height"]


def test_the_lab_trains_and_stops(page):
    show_more(page)
    choose(page, "Label noise", "flip")
    choose(page, "Imbalance", "0.1 (10 : 1)")
    page.get_by_label("Epochs", exact=True).fill(MANY_EPOCHS)
    page.get_by_label("Epochs", exact=True).press("Enter")
    expect(page.get_by_label("Run code")).to_have_value(re.compile("noise=flip.*imbalance=0.1.*epochs=2000"))

    press(page, "Train")
    expect(words(page)).to_contain_text("Training", timeout=TRAIN_MS)
    first = wait_for_epochs(page, more_than=0)
    second = wait_for_epochs(page, more_than=first)
    press(page, "Train")  # refused kindly: the run goes on
    wait_for_epochs(page, more_than=second)

    pressed = time.monotonic()
    press(page, "Stop")
    expect(words(page)).to_contain_text("Stopped")
    print(f"Stop: {time.monotonic() - pressed:.2f} s from the press to the word on the page")
    wait_for_the_end(page)
    stopped = epochs_drawn(page)
    page.wait_for_timeout(STILL_MS)
    assert second < epochs_drawn(page) == stopped
    reset(page)


def test_the_lab_by_keyboard_alone(page):
    write = page.keyboard
    page.get_by_label("Scenario", exact=True).focus()
    tab_to(page, "More")
    if not page.get_by_label("Run code").is_visible():
        write.press("Enter")
    tab_to(page, "Label noise")
    write.type("flip")  # a menu goes to the first name that begins so
    tab_to(page, "Imbalance")
    write.press("ArrowDown")
    tab_to(page, "Epochs")
    write.press("ControlOrMeta+a")
    write.type(MANY_EPOCHS)
    write.press("Tab")
    expect(page.get_by_label("Run code")).to_have_value(re.compile("noise=flip.*imbalance=0.5.*epochs=2000"))

    tab_to(page, "Train")
    write.press("Enter")
    wait_for_epochs(page, more_than=0)
    tab_to(page, "Stop")
    write.press("Space")
    wait_for_the_end(page)
    reset(page)


def test_a_run_code_pasted_restores_its_run(page):
    code = SCENARIOS["flip 40"].with_(seed=7, epochs=3).code
    show_more(page)
    page.get_by_label("Scenario", exact=True).focus()
    tab_to(page, "Run code")
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.insert_text(code)  # all at once, as from the clipboard
    page.keyboard.press("Tab")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("7")
    tab_to(page, "Train")
    page.keyboard.press("Enter")
    expect(words(page)).to_contain_text("Done.")
    expect(page.get_by_role("img", name=CURVES)).to_have_attribute("aria-label", re.compile("After 3 epochs"))
    page.get_by_text("Run codes of these curves").click()
    expect(page.get_by_text(code, exact=True)).to_be_visible()


def test_nothing_in_its_outputs_bars_anyone(page):
    assert not barriers(page, within=OUTPUTS)
