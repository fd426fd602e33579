"""In JupyterLab: the microscope under a real hand (drag, keyboard, modes, access), and the stepper by keyboard."""

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.access import barriers, tab_to
from tests.browser.conftest import SCREEN, lab_window
from tests.browser.pages import open_notebook, run_all, write_notebook

CELL = """\
from ipywidgets import Label, VBox
from gdw_notebooks.figures.pictogram import cat_picture
from gdw_notebooks.examples.instances import Instance, cat_dog_bird
from gdw_notebooks.panels.microscope import FlowMicroscope

bird = Instance.from_probs((0.2, 0.3, 0.5), 2, 2, ("cat", "dog", "bird"), name="a second one")
microscope, heard = FlowMicroscope([cat_dog_bird(cat_picture()), bird]), Label()
def hear(change):
    heard.value = f"python has {microscope.mode} {(microscope.numbers + 0.0).round(3).tolist()}"
microscope.observe(hear, names=["mode", "weight", "weights"])
VBox([microscope, heard])"""
STEPPER = """\
from gdw_notebooks.panels.stepper import BilevelStepper
BilevelStepper("instance", station=8)"""
# Counts for a second how many frames the browser made, and in how many of them the dragged bar was at a new place.
COUNT_REDRAWS = """(bar) => new Promise((resolve) => {
  const began = performance.now();
  let frames = 0, redraws = 0, last = bar.style.width;
  const frame = (now) => {
    frames += 1;
    if (bar.style.width !== last) { redraws += 1; last = bar.style.width; }
    if (now - began < 1000) requestAnimationFrame(frame); else resolve([redraws, frames]);
  };
  requestAnimationFrame(frame);
})"""
# Moves the pointer as a hand does, 120 times a second, from within the page: the test's own messages are no brake.
SWEEP = """(track) => {
  const box = track.getBoundingClientRect(), y = box.top + box.height / 2;
  const send = (type, x) => track.dispatchEvent(
    new PointerEvent(type, { pointerId: 1, clientX: x, clientY: y, bubbles: true, cancelable: true }));
  track.setPointerCapture = () => {};
  send('pointerdown', box.left + box.width / 2);
  let k = 0;
  const timer = setInterval(() => {
    send('pointermove', box.left + box.width / 2 + (k++ % 60 < 30 ? k % 30 : 30 - k % 30));
    if (k > 240) { clearInterval(timer); send('lostpointercapture', box.left); }
  }, 1000 / 120);
}"""
TOO_WIDE = """(root) => [...root.querySelectorAll('*')].filter((e) =>
  e.clientWidth && e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).display !== 'inline' &&
  !e.matches('.unseen, input, select')).map((e) => e.className || e.tagName)"""
CAT = "the paper's example: a picture of “cat”, wrongly labelled “dog”"


@pytest.fixture(scope="module")
def page(browser, lab_server):
    write_notebook(lab_server.root / "microscope.ipynb", CELL, STEPPER)
    with lab_window(browser, lab_server) as page:
        open_notebook(page, "microscope.ipynb")
        yield page


@pytest.fixture
def microscope(page) -> Locator:
    """A fresh one for each test: the cell is run again."""
    page.set_viewport_size(SCREEN)
    run_all(page)
    microscope = page.get_by_role("region", name="Flow microscope")
    expect(microscope).to_have_count(1)
    expect(microscope.locator(".finding")).to_contain_text("−0.500")
    return microscope


def numbers(microscope: Locator) -> list[str]:
    return microscope.locator("dd").all_inner_texts()


def choose(microscope: Locator, mode: str) -> None:
    microscope.get_by_role("radio", name=mode, exact=True).check()


def weight_of(microscope: Locator, name: str) -> Locator:
    return microscope.get_by_role("slider", name=f"Weight of {name}", exact=True)


def drag(page: Page, handle: Locator, dx: float) -> None:
    handle.hover()  # once it does not move: a page that has just scrolled may still move
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y, steps=20)
    page.mouse.up()


def test_the_cards_name_the_classes_of_the_picture_on_show(microscope):
    notes = microscope.locator("dt small")
    assert notes.all_inner_texts()[1:] == ["cat − dog", "cat − bird"]
    microscope.get_by_role("button", name="Next").click()
    expect(notes.nth(1)).to_have_text("the same class here")
    expect(notes.nth(2)).to_have_text("bird − dog")


SEVERAL = 5  # redraws within a second of dragging, on however busy a machine


def test_the_hand(microscope, page):
    """One weight, then a dragged bar whose label follows, then no constraint; and Python hears of it."""
    assert numbers(microscope) == ["0.000", "−1.300", "−0.500"]
    microscope.get_by_role("slider", name="Weight of the whole instance").fill("0.3")
    expect(microscope.locator("dd").nth(2)).to_have_text("−0.150")

    microscope.get_by_role("button", name="Reset").click()
    choose(microscope, "one for each class")
    drag(page, weight_of(microscope, "cat"), 600)  # far to the right: down to weight 0
    expect(microscope.locator("dd").nth(2)).to_have_text("+0.100")
    assert numbers(microscope) == ["0.000", "−0.100", "+0.100"]
    expect(weight_of(microscope, "dog")).to_have_attribute("aria-valuenow", "0.143")
    drag(page, weight_of(microscope, "dog"), 100)  # locked
    assert numbers(microscope) == ["0.000", "−0.100", "+0.100"]

    choose(microscope, "constraint off")
    drag(page, weight_of(microscope, "dog"), 60)
    expect(microscope.locator("dd").first).not_to_have_text("0.000")
    expect(microscope.locator(".finding")).to_contain_text("their sum has left 0")
    total = float(numbers(microscope)[0])
    expect(page.get_by_text("python has free")).to_contain_text(f"[{total:g},")


def test_the_keyboard_alone(microscope, page):
    press = page.keyboard.press
    microscope.get_by_role("radio", name="one weight for the instance").focus()
    press("ArrowRight")  # the next mode
    expect(microscope).to_have_attribute("data-mode", "classes")
    press("Tab")
    cat = weight_of(microscope, "cat")
    expect(cat).to_be_focused()
    press("ArrowLeft")
    expect(cat).to_have_attribute("aria-valuenow", "0.950")
    press("PageDown")
    expect(cat).to_have_attribute("aria-valuetext", "weight 0.700, push −0.420")
    press("End")
    expect(cat).to_have_attribute("aria-valuenow", "1.500")
    press("Home")
    expect(cat).to_have_attribute("aria-valuenow", "0.000")
    expect(microscope.locator("dd").nth(2)).to_have_text("+0.100")
    press("Tab")  # cat's number field
    press("ControlOrMeta+a")
    page.keyboard.type("0.5")
    press("Tab")
    expect(cat).to_have_attribute("aria-valuenow", "0.500")
    expect(weight_of(microscope, "dog")).to_have_attribute("aria-disabled", "true")
    expect(microscope.get_by_role("status")).to_contain_text("cat − bird is −0.200")  # what a screen reader hears


def test_instances_table_large_type_and_reset(microscope):
    microscope.get_by_role("button", name="Next").click()
    expect(microscope.locator(".where")).to_have_text("a second one (2 of 2)")
    expect(microscope.locator("dd").nth(1)).to_have_text("0.000")
    microscope.get_by_role("combobox").select_option("mislabelled")
    expect(microscope.locator(".where")).to_have_text("the paper's example (1 of 1)")
    microscope.get_by_text("Data as a table").click()
    expect(microscope.locator("tbody tr").nth(1).locator("td")).to_have_text(["dog", "0.300", "1.000", "+0.700"])
    before = microscope.bounding_box()["height"]
    microscope.get_by_role("button", name="Large type").click()
    expect(microscope.get_by_role("button", name="Large type")).to_have_attribute("aria-pressed", "true")
    assert microscope.bounding_box()["height"] > 1.2 * before
    microscope.get_by_role("slider", name="Weight of the whole instance").fill("0.5")
    microscope.get_by_role("button", name="Reset").click()
    assert numbers(microscope) == ["0.000", "−1.300", "−0.500"]


def test_access_in_every_mode(microscope, page):
    for mode in ("one weight for the instance", "one for each class", "constraint off"):
        choose(microscope, mode)
        assert not barriers(page, within=".gdw-microscope")
    expect(microscope.get_by_role("img")).to_have_attribute("alt", CAT)


def test_nothing_is_cut_off_at_200_percent(microscope, page):
    page.set_viewport_size({"width": 640, "height": 400})  # 1280 x 800 at 200 %
    choose(microscope, "one for each class")
    microscope.get_by_text("Data as a table").click()
    assert microscope.evaluate(TOO_WIDE) == []


def test_the_bar_is_redrawn_all_through_a_drag(microscope):
    """How many frames a second there are is up to the machine (printed here): no bound on speed, but no jump either."""
    choose(microscope, "one for each class")
    row = microscope.locator(".row.true")
    row.locator(".track").evaluate(SWEEP)
    redraws, frames = row.locator(".bar").evaluate(COUNT_REDRAWS)
    print(f"{redraws} redraws in {frames} frames of one second")
    assert redraws >= SEVERAL


def stage(page: Page, number: int):
    return page.locator(".gdw-steps .stage.now", has_text=f"{number}. ").locator("visible=true").first


def test_keyboard_steps_forward_and_back(microscope, page):
    """Beside the microscope, whose cell is run again: the page of before is gone then."""
    shown = stage(page, 8)
    expect(shown).to_be_visible()
    words = shown.aria_snapshot()
    page.get_by_role("button", name="Forward ▶").focus()
    page.keyboard.press("Enter")
    expect(stage(page, 9)).to_be_visible()
    page.keyboard.press("Shift+Tab")  # to Back
    page.keyboard.press("Enter")
    expect(stage(page, 8)).to_be_visible()
    tab_to(page, "Station")
    page.keyboard.press("ArrowRight")
    expect(stage(page, 9)).to_be_visible()
    page.keyboard.press("ArrowLeft")
    expect(stage(page, 8)).to_be_visible()
    assert stage(page, 8).aria_snapshot() == words
    assert not barriers(page, within=".gdw-steps")
