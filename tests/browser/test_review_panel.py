"""The label review in a notebook: the audit's page, whose every decision is in the kernel's file."""

import pytest
from playwright.sync_api import expect

from tests.browser.access import OUTPUTS, barriers
from tests.browser.conftest import lab_window
from tests.browser.pages import open_notebook, run_all, write_notebook

PRESSED = 100
CELL = """\
from pathlib import Path
import gdw
from gdw_notebooks.examples.digit_folder import write_digits
from gdw_notebooks.panels.review import Review
if not Path("few-digits").exists():
    write_digits("few-digits", per_class=14)
Review(gdw.load_dataset("few-digits"), "few.csv", per_class=12)"""


@pytest.fixture
def page(browser, lab_server):
    write_notebook(lab_server.root / "review.ipynb", CELL)
    with lab_window(browser, lab_server) as page:
        open_notebook(page, "review.ipynb")
        run_all(page)
        yield page


def until(page, file, count):
    """The decisions in the file, once it has that number."""
    for _ in range(200):
        rows = file.read_text("utf-8").splitlines()[1:] if file.exists() else []
        if len(rows) == count:
            return rows
        page.wait_for_timeout(100)
    raise AssertionError(f"{len(rows)} of {count} decisions are in the file")


def test_a_hundred_keys_at_full_speed_are_in_the_file_and_a_reopened_notebook_shows_them(page, lab_server):
    review = page.frame_locator("iframe.gdw-review")
    status = review.get_by_role("status")
    file = lab_server.root / "few.csv"
    expect(status).to_contain_text("0 of 140 checked")
    shown = review.locator(".tile img").evaluate_all("all => all.map(one => one.alt.split(',')[0])")
    review.locator(".tile").first.click()
    page.keyboard.press("Escape")
    for key in ("-", "7", "7", "Backspace"):
        page.keyboard.press(key)
    for _ in range(PRESSED - 2):
        page.keyboard.press(" ")
    expect(status).to_contain_text(f"{PRESSED} of 140 checked")
    rows = until(page, file, PRESSED)
    assert {f"{shown[0]},none of these,random in class", f"{shown[1]},7,random in class"} <= {*rows}
    assert not barriers(page, within=OUTPUTS)

    page.reload()  # the other pictures of classes that have enough are not asked for again
    open_notebook(page, "review.ipynb")
    run_all(page)
    expect(status).to_contain_text(f"{PRESSED} of 126 checked")
    review.get_by_role("button", name="Undo").click()
    expect(status).to_contain_text(f"{PRESSED - 1} of 126 checked")
    until(page, file, PRESSED - 1)
