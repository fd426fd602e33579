"""The microscope's arithmetic in a blank page, without Python or a notebook: the module's pure functions."""

import numpy as np
import pytest

from gdw_notebooks.examples.instances import cat_dog_bird
from gdw_notebooks.panels.microscope import FlowMicroscope
from gdw_notebooks.panels.picture import HERE
from gdw_notebooks.panels.scripts import SHARED
from tools.website.live import write_front_end

SOURCES = [HERE / "microscope_numbers.js", SHARED / "parts.js"]  # they import nothing
LOAD = """async (source) => {
  window.module = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
}"""


@pytest.fixture(scope="module")
def call(browser):
    """Calls one exported function with these values."""
    page = browser.new_page()
    page.evaluate(LOAD, "\n".join(file.read_text("utf-8") for file in SOURCES))
    yield lambda name, *values: page.evaluate("([name, values]) => window.module[name](...values)", [name, [*values]])
    page.close()


def test_a_dragged_bar_follows_the_pointer(call):
    # A weight of 1 pushes by 0.5; the axis from -1 to 1 is 800 pixels wide: 200 pixels.
    assert call("pixelsPerWeight", 0.5, [-1, 1], 800) == 200
    assert call("pixelsPerWeight", -0.5, [-1, 1], 800) == -200


def test_a_tiny_bar_has_a_longer_reach_with_its_sign(call):
    assert call("pixelsPerWeight", 0.01, [-1, 1], 800) == 80
    assert call("pixelsPerWeight", -0.01, [-1, 1], 800) == -80
    assert call("pixelsPerWeight", 0, [-1, 1], 800) == 80


@pytest.mark.parametrize(("push", "percent"), [(-1, 0), (0, 25), (3, 100)])
def test_a_push_has_its_place_on_the_track(call, push, percent):
    assert call("percentAt", push, [-1, 3]) == percent


@pytest.mark.parametrize(
    ("key", "weight"),
    [
        ("ArrowRight", 1.05), ("ArrowUp", 1.05), ("ArrowLeft", 0.95), ("ArrowDown", 0.95),
        ("PageUp", 1.25), ("PageDown", 0.75), ("Home", 0), ("End", 1.5), ("x", None),
    ],
)  # fmt: skip
def test_a_key_moves_a_weight(call, key, weight):
    assert call("weightAfter", key, 1, 1.5) == weight


def test_weights_stay_within_their_limits_and_free_of_rounding_errors(call):
    assert call("weightAfter", "ArrowLeft", 0.02, 1.5) == 0
    assert call("weightAfter", "PageUp", 1.4, 1.5) == 1.5
    assert call("weightAfter", "ArrowRight", 0.1, 1.5) == 0.15  # 0.1 + 0.05 is 0.15000000000000002
    assert [call("clamp", value, 0, 2) for value in (-1, 0.5, 3)] == [0, 0.5, 2]


def test_a_number_is_written_with_its_sign(call):
    shown = [call("signed", value, 3) for value in (0.5, -0.5, 0.0004, -0.0004)]
    assert shown == ["+0.500", "−0.500", "0.000", "0.000"]


@pytest.mark.parametrize("mode", ["instance", "classes", "free"])
def test_browser_and_python_compute_the_same_pushes(call, mode):
    instance, by_hand = cat_dog_bird(), [0.2, 0.7, 1.3]
    record = FlowMicroscope([instance]).get_state("instances")["instances"][0]
    weights = instance.effective(np.full(3, 0.4) if mode == "instance" else np.array(by_hand), mode)
    if mode == "free":
        applied = by_hand
    else:
        applied = call("product", record["constraint"], [0.4] * 3 if mode == "instance" else by_hand)
    np.testing.assert_allclose(applied, weights, atol=1e-9)
    np.testing.assert_allclose(call("product", record["push_map"], applied), instance.push_map @ weights, atol=1e-9)


def test_the_site_gets_it_as_a_plain_script(browser, tmp_path):
    write_front_end(tmp_path, "microscope")
    page = browser.new_page()
    page.add_script_tag(content=(tmp_path / "microscope.js").read_text("utf-8"))
    assert page.evaluate("typeof window.gdwRender") == "function"
    page.close()
