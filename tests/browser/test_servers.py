"""The fixtures themselves, and a tiny page with a widget."""

import pytest
from playwright.sync_api import expect

from tests.browser.pages import open_notebook, run_all, write_notebook

COUNTER = """\
import ipywidgets
count = ipywidgets.Label("pressed 0 times")
button = ipywidgets.Button(description="Press")
button.on_click(lambda _: setattr(count, "value", "pressed once"))
ipywidgets.VBox([button, count])"""


def press(page):
    page.get_by_role("button", name="Press", exact=True).click()
    expect(page.get_by_text("pressed once", exact=True)).to_be_visible()


def test_an_error_in_a_cell_is_an_error_of_the_test(lab_page, lab_server):
    open_notebook(lab_page, write_notebook(lab_server.root / "error.ipynb", "1 / 0"))
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        run_all(lab_page)
