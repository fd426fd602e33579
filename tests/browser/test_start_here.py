"""Notebook 00 in JupyterLab: run it, change noise and imbalance, press Train, see the curve grow, press Stop."""

import re
import time

from playwright.sync_api import Page, expect

from tests.browser.pages import open_notebook, run_all

NOTEBOOK = "00_start_here.ipynb"
MANY_EPOCHS = "2000"  # so that it is the Stop button that ends the run
TRAIN_MS, STOP_MS = 60_000, 10_000
CURVES = re.compile("^Learning curves")


def epochs_drawn(page: Page) -> int:
    """As the picture's alternative text says: "After 12 epochs: ..."."""
    words = page.get_by_role("img", name=CURVES).get_attribute("alt") or ""
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


def test_the_lab_trains_and_stops(lab_page):
    open_notebook(lab_page, NOTEBOOK)
    run_all(lab_page)
    press(lab_page, "Press me")
    expect(lab_page.get_by_text("your press arrived and came back")).to_be_visible()

    choose(lab_page, "Label noise", "flip")
    choose(lab_page, "Imbalance", "0.1 (10 : 1)")
    lab_page.get_by_label("Epochs", exact=True).fill(MANY_EPOCHS)
    lab_page.get_by_label("Epochs", exact=True).press("Enter")
    expect(lab_page.get_by_label("Run code")).to_have_value(re.compile("noise=flip.*imbalance=0.1.*epochs=2000"))

    press(lab_page, "Train")
    expect(lab_page.get_by_text(re.compile("^Training"))).to_be_visible(timeout=TRAIN_MS)
    first = wait_for_epochs(lab_page, more_than=0)
    second = wait_for_epochs(lab_page, more_than=first)
    press(lab_page, "Train")  # refused kindly: the run goes on
    wait_for_epochs(lab_page, more_than=second)

    pressed = time.monotonic()
    press(lab_page, "Stop")
    expect(lab_page.get_by_text(re.compile("^Stopped"))).to_be_visible(timeout=STOP_MS)
    print(f"Stop: {time.monotonic() - pressed:.2f} s from the press to the word on the page")
    lab_page.wait_for_timeout(1000)  # the last picture follows the word
    stopped = epochs_drawn(lab_page)
    lab_page.wait_for_timeout(1000)
    assert second <= epochs_drawn(lab_page) == stopped
