"""The page of an audit, opened as a file: sorting, filtering and moving by keyboard alone, and access."""

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from gdw.comparison.audit.page import page as audit_page
from gdw.comparison.audit.table import COLUMNS
from tests.browser.access import barriers

ROWS = [
    ("b/10.png", "cat", "dog", 0.9, 1, "looks like dog"), ("b/9.png", "dog", "cat", 0.8, 2, "looks like cat"),
    ("a/<b>.png", "cat", "dog", 0.3, 3, "looks like dog"), ("a/2.png", "cat", "cat", 0.1, 4, "as labelled"),
]  # fmt: skip


@pytest.fixture
def opened(browser, tmp_path):
    table = pd.DataFrame(ROWS, columns=COLUMNS)
    pairs = pd.DataFrame([("cat", "dog")], columns=["observed", "proposed"])
    pictures = np.zeros((4, 3, 8, 8), np.uint8)
    (tmp_path / "s.html").write_text(audit_page("pets", table, pictures, ["2 are wrong"], pairs), "utf-8")
    context = browser.new_context()
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "s.html").as_uri())
    yield page
    context.close()
    assert not errors


def ranks(page):
    return page.locator("#suspects tbody tr:visible td:nth-child(2)").all_inner_texts()


def test_the_page_works_by_keyboard(opened):
    page = opened
    expect(page.get_by_role("status")).to_have_text("4 of 4 pictures shown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    assert page.evaluate("document.activeElement.dataset.rank") == "2"
    page.keyboard.press("f")
    page.keyboard.press("c")  # the list goes to the first pair that begins so
    expect(page.get_by_role("status")).to_have_text("2 of 4 pictures shown")
    assert ranks(page) == ["1", "3"]
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert ranks(page) == ["1", "2", "3", "4"]
    page.get_by_role("button", name="path").focus()
    page.keyboard.press("Enter")
    assert ranks(page) == ["3", "4", "2", "1"]  # a/<b>, a/2: letters after signs; 9 before 10
    page.keyboard.press("Enter")
    assert ranks(page) == ["1", "2", "4", "3"]
    expect(page.get_by_role("columnheader", name="path")).to_have_attribute("aria-sort", "descending")


def test_the_page_has_no_barriers_and_prints_without_its_controls(opened):
    assert not barriers(opened)
    opened.emulate_media(media="print")
    expect(opened.locator(".controls")).to_be_hidden()
    expect(opened.locator("#suspects img")).to_have_count(4)
