"""The gate in care.js with the order forced: a press passes once the kernel has answered every value, not before."""

import pytest

from gdw_notebooks.panels.picture import HERE
from gdw_notebooks.panels.scripts import bundle

PAGE = '<div class="gdw-panel"><div id="picture"></div><button id="train">Train</button></div>'
# A kernel that answers when the test says so: ``control`` is what ipywidgets keeps of one value.
START = """
async (source) => {
  const { default: widget } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  window.control = { _pending_msgs: 0, _msg_buffer: null };
  window.presses = 0;
  const state = { value: new Uint8Array(), alt: "", width: 0, watched: ["one"] };
  const model = {
    get: (name) => state[name], set: () => {}, save_changes: () => {}, on: () => {}, off: () => {},
    widget_manager: { get_model: async () => window.control },
  };
  document.getElementById("train").addEventListener("click", () => { window.presses += 1; });
  widget.render({ model, el: document.getElementById("picture") });
  await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)));
}
"""
A_MOMENT_MS = 300  # thirty times as long as the gate waits between two looks


@pytest.fixture
def page(browser):
    page = browser.new_page()
    page.set_content(PAGE)
    page.evaluate(START, bundle(HERE / "picture.js"))
    yield page
    page.close()


def presses(page):
    return page.evaluate("window.presses")


def test_a_press_without_values_on_their_way_passes_at_once(page):
    page.click("#train")
    assert presses(page) == 1


@pytest.mark.parametrize("waiting", ["_pending_msgs = 1", "_msg_buffer = {rate: 0.9}"])
def test_a_press_waits_for_a_value_that_is_sent_or_about_to_be_sent(page, waiting):
    page.evaluate(f"window.control.{waiting}")
    page.click("#train")
    page.wait_for_timeout(A_MOMENT_MS)
    assert presses(page) == 0
    page.evaluate("Object.assign(window.control, { _pending_msgs: 0, _msg_buffer: null })")
    page.wait_for_function("window.presses === 1")
    page.wait_for_timeout(A_MOMENT_MS)
    assert presses(page) == 1


def test_a_value_that_is_set_after_a_press_does_not_hold_it_back(page):
    page.click("#train")
    page.evaluate("window.control._pending_msgs = 1")
    assert presses(page) == 1
