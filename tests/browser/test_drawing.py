"""drawing.js with answers that come when the test says so: it draws once it knows which view is pressed."""

import pytest

from gdw_notebooks.panels.picture import HERE
from gdw_notebooks.panels.scripts import bundle

START = """
async (source) => {
  const { default: widget } = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const control = (values) => {
    const heard = new Set();
    const on = (event, listener) => heard.add(listener), off = (event, listener) => heard.delete(listener);
    return { heard, on, off, get: (name) => values[name] };
  };
  const views = ["first", "second"].map((title) => ({ words: "A view.", title }));
  window.buttons = control({ index: 1 });
  window.model = Object.assign(control({ views, shots: [], old: "", buttons: "one", watched: [] }), {
    set() {}, save_changes() {},
    widget_manager: { get_model: () => new Promise((resolve, reject) => Object.assign(window, { resolve, reject })) },
  });
  window.seen = new Set();
  const el = document.body, see = () => window.seen.add(el.querySelector(".finding").textContent);
  new MutationObserver(see).observe(el, { childList: true, subtree: true });
  window.leave = widget.render({ model: window.model, el });
}
"""
MOMENT = "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))"


@pytest.fixture
def page(browser):
    page = browser.new_page()
    page.set_content("<div></div>")
    page.evaluate(START, bundle(HERE / "drawing.js"))
    page.evaluate(MOMENT)
    yield page
    page.close()


@pytest.mark.parametrize(("answer", "shown"), [("resolve(buttons)", "second"), ("reject()", "first")])
def test_only_the_view_that_is_pressed_is_ever_shown(page, answer, shown):
    assert page.locator(".finding").text_content() == ""
    page.evaluate(f"void {answer}")
    page.evaluate(MOMENT)
    assert page.locator(".finding").text_content() == shown
    assert set(page.evaluate("[...seen]")) == {"", shown}


def test_a_view_that_is_gone_listens_to_nothing(page):
    page.evaluate("leave()")
    page.evaluate("resolve(buttons)")
    page.evaluate(MOMENT)
    assert page.evaluate("buttons.heard.size + model.heard.size") == 0
    assert page.locator(".finding").text_content() == ""
