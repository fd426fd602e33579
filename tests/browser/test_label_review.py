"""The label review under a real hand: every decision by key, then by mouse, and all of them on disk."""

import contextlib
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import expect

from tests.browser.access import OUTPUTS, barriers
from tests.browser.conftest import lab_window
from tests.browser.pages import open_notebook, run_all

CLICKS, CLICK_MS = 4, 10_000
SOURCE = Path(__file__).parents[2] / "gdw_notebooks" / "panels" / "label_review.js"
CELL = """\
from pathlib import Path
import gdw
from gdw_notebooks.examples.digit_folder import write_digits
from gdw_notebooks.panels.label_review import LabelReview
if not Path("few-digits").exists():
    write_digits("few-digits", per_class=6)
review = LabelReview(gdw.load_dataset("few-digits"), "few.csv", per_class=2)
review"""


@pytest.fixture
def page(browser, lab_server):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, lab_server.root / "review.ipynb")
    with lab_window(browser, lab_server) as page:
        open_notebook(page, "review.ipynb")
        run_all(page)
        yield page


def click_until_the_next(button, path, shown):
    """A click during the change of a card is dropped, like a press about an old picture: a hand clicks again."""
    for _ in range(CLICKS - 1):
        button.click()
        with contextlib.suppress(AssertionError):
            expect(path).not_to_have_text(shown, timeout=CLICK_MS)
            return
    button.click()
    expect(path).not_to_have_text(shown)


def test_by_keyboard_and_by_mouse(page, lab_server):
    review = page.get_by_role("region", name="Label review")
    path, progress = review.locator(".path"), review.locator(".progress")
    file = lab_server.root / "few.csv"
    expect(progress).to_contain_text("0 pictures confirmed")
    first = path.inner_text()
    review.focus()
    page.keyboard.press("Space")
    expect(progress).to_contain_text("1 pictures confirmed")
    second = path.inner_text()
    page.keyboard.press("7")
    expect(progress).to_contain_text("2 pictures confirmed")
    assert file.read_text("utf-8").splitlines() == [
        "path,label,chosen", f"{first},{first[0]},random in class", f"{second},7,random in class"
    ]
    page.keyboard.press("Backspace")
    expect(path).to_have_text(second)
    assert len(file.read_text("utf-8").splitlines()) == 2
    page.keyboard.press("ArrowRight")
    expect(path).not_to_have_text(second)
    third = path.inner_text()
    click_until_the_next(review.get_by_role("button", name="Right"), path, third)
    expect(review).to_be_focused()  # the next space is the next picture's, not a second press of the button
    page.keyboard.press("Space")
    expect(progress).to_contain_text("3 pictures confirmed")
    assert not barriers(page, within=OUTPUTS)

    page.reload()
    open_notebook(page, "review.ipynb")
    run_all(page)
    expect(page.get_by_role("region", name="Label review").locator(".progress")).to_contain_text("3 pictures confirmed")


# What pressOf answers to keys, in the page itself: the file is a module of the browser's.
PRESSES = """async (source) => {
  const { pressOf } = await import(URL.createObjectURL(new Blob([source], { type: 'text/javascript' })));
  const classes = [{ name: 'cat', key: '1' }, { name: 'dog', key: 'a' }, { name: 'emu', key: '' }];
  const open = { path: 'x' }, suspect = { path: 'x', proposed: 'cat' };
  const said = (key, card) => {
    const press = pressOf(key, classes, card);
    return press ? press.name ?? press.action : null;
  };
  return [
    said('1', open), said('A', open), said('', open), said(' ', open), said('Enter', open), said('Enter', suspect),
    said('ArrowRight', open), said('Backspace', {}), said(' ', {}), said('x', open),
  ];
}"""


def test_what_each_key_means(page):
    said = page.evaluate(PRESSES, SOURCE.read_text("utf-8"))
    assert said == ["cat", "dog", None, "right", None, "accept", "skip", "undo", None, None]
