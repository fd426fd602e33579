"""The audit's page, opened as a file: a person reviews by keyboard or finger, and `gdw` reads what is saved."""

import time

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

from gdw.comparison.audit.page import page as audit_page
from gdw.comparison.audit.table import FOUND
from gdw.data.confirmed import read_confirmed
from gdw.data.picture_labels import NO_CLASS
from gdw.label_files.label_table import read_table
from tests.browser.access import barriers

CLASSES = [f"animal {n:02}" for n in range(12)] + ["cat", "dog"]
SIZES = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
QUICK = 0.3  # seconds, for sorting 10,000 pictures
FINGER = 44  # CSS pixels


def table_of(count):
    """Suspects of 14 classes."""
    rows = [
        (f"p/{n:05}.png", CLASSES[n % 14], CLASSES[(n + 1) % 14], 1 - n / count, n + 1, "looks like another")
        for n in range(count)
    ]
    return pd.DataFrame(rows, columns=FOUND)


@pytest.fixture
def opened(browser, tmp_path):
    """A function that opens the page of some suspects, in the same place on disk each time."""
    contexts, errors = [], []

    def open_(count, size="desktop", **own):
        if not contexts:
            contexts.append(browser.new_context(viewport=SIZES[size], accept_downloads=True, **own))
        table = table_of(count)
        pictures = np.random.default_rng(0).integers(0, 255, (count, 3, 8, 8), dtype=np.uint8)
        pairs = pd.DataFrame([("cat", "dog")], columns=["observed", "proposed"])
        file = tmp_path / "suspects.html"
        file.write_text(audit_page("pets", table, pictures, ["2 are wrong"], pairs), "utf-8")
        page = contexts[0].new_page()
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(file.as_uri())
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not errors


def saved(page, name, tmp_path):
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save {name}.csv").click()
    file = tmp_path / f"{name}.csv"
    download.value.save_as(file)
    return file


def confirmed(page, tmp_path, count):
    table = table_of(count)
    found = read_confirmed(saved(page, "confirmed", tmp_path), table["path"].tolist(), CLASSES)
    return {place: "none" if label == NO_CLASS else CLASSES[label] for place, label in found.items()}


def test_every_decision_by_keyboard_survives_closing_and_is_read_back(opened, tmp_path):
    page = opened(40)
    status = page.get_by_role("status")
    expect(status).to_have_text("0 of 40 checked, 0 changed; 1 of 40 shown")
    page.keyboard.press("Enter")  # 0: the proposed class
    page.keyboard.press("-")  # 1
    page.keyboard.press("?")  # 2
    page.keyboard.press("0")  # 3: the tenth class
    page.keyboard.press(" ")  # 4: keep
    page.keyboard.type("dog")  # 5, by its name
    page.keyboard.press("Enter")
    page.keyboard.type("11")  # 6 and 7: digits are keys
    page.keyboard.press("Backspace")  # 7 again
    expect(status).to_have_text("7 of 40 checked, 5 changed; 1 of 33 shown")
    wanted = {
        0: CLASSES[1], 1: "none", 3: CLASSES[9], 4: CLASSES[4], 5: "dog", 6: CLASSES[0],
    }  # fmt: skip
    assert confirmed(page, tmp_path, 40) == wanted
    page.close()
    page = opened(40)
    assert confirmed(page, tmp_path, 40) == wanted
    page.keyboard.press("Backspace")  # undo goes back beyond the closing
    assert confirmed(page, tmp_path, 40) == {place: label for place, label in wanted.items() if place != 6}
    rows = read_table(saved(page, "corrected", tmp_path))
    labels = dict(zip(rows.paths, rows.columns["label"], strict=True))
    assert len(labels) == 39  # without the one that belongs to no class
    assert labels["p/00005.png"] == "dog"
    assert labels["p/00007.png"] == CLASSES[7]


@pytest.mark.parametrize("one_picture", [False, True])
def test_no_key_is_lost_at_full_speed(opened, tmp_path, one_picture):
    page = opened(300)
    if one_picture:
        page.keyboard.press("Escape")
    for place in range(100):
        page.keyboard.press(" " if place % 2 else "Enter")
    found = confirmed(page, tmp_path, 300)
    assert sorted(found) == [*range(100)]
    for place in range(100):
        assert found[place] == CLASSES[place % 14 if place % 2 else (place + 1) % 14]


def test_names_are_typed_at_full_speed(opened, tmp_path):
    page = opened(60)
    for _ in range(25):
        page.keyboard.type("cat")
        page.keyboard.press("Enter")
    assert set(confirmed(page, tmp_path, 60).values()) == {"cat"}
    assert len(confirmed(page, tmp_path, 60)) == 25


def test_ten_thousand_suspects_stay_quick(opened):
    page = opened(10_000)
    assert page.locator(".tile").count() < 300
    for order in ("path", "observed", "rank"):
        took = page.evaluate(
            """(order) => {
              const list = document.getElementById("order"), start = performance.now();
              list.value = order;
              list.dispatchEvent(new Event("change"));
              document.getElementById("grid").getBoundingClientRect();
              return (performance.now() - start) / 1000;
            }""",
            order,
        )
        assert took < QUICK
    start = time.perf_counter()
    for _ in range(50):
        page.keyboard.press(" ")
    assert (time.perf_counter() - start) / 50 < QUICK
    expect(page.get_by_role("status")).to_contain_text("50 of 10000 checked")
    page.locator("#grid").evaluate("grid => grid.scrollTop = grid.scrollHeight")
    expect(page.locator(".tile").last).to_have_attribute("aria-setsize", "9950")


@pytest.mark.parametrize("size", SIZES)
def test_nobody_is_barred_and_fingers_hit(opened, tmp_path, size):
    page = opened(30, size, has_touch=True)
    assert not barriers(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for control in page.locator("button:visible, select:visible, input:visible, summary:visible").all():
        box = control.bounding_box()
        assert box["height"] >= FINGER
        assert box["width"] >= FINGER
    page.locator(".tile").nth(1).tap()
    page.get_by_role("button", name="None of these").tap()
    page.get_by_role("button", name="dog").tap()
    assert set(confirmed(page, tmp_path, 30).values()) == {"none", "dog"}
    page.get_by_role("button", name="One picture").tap()
    expect(page.get_by_role("region", name="One picture").get_by_role("img")).to_be_visible()
    assert not barriers(page)


def test_on_paper_there_are_all_pictures_and_no_controls(opened):
    page = opened(400)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    expect(page.locator(".decide")).to_be_hidden()
    expect(page.locator(".tile")).to_have_count(400)
