"""Stepper and ledger in a page without a kernel: terms and cells, folding, keys, a phone, dark, large type, words."""

import json
import shutil

import pytest
from playwright.sync_api import expect

import gdw
from gdw_notebooks.panels.ledger import FlowLedger
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.panels.steps import HERE, state
from tests.browser.access import barriers
from tests.browser.conftest import offline_pages
from tests.browser.servers import REPOSITORY
from tools.website.live import plain_script

PHONE = {"width": 390, "height": 844}
HEAD = '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
DARK = "--jp-ui-font-color0: #cfd0d0; --jp-layout-color0: #131416; background: #131416"
WIDE = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("steps")
    for file in (HERE / "steps.css", REPOSITORY / "docs" / "site" / "static" / "host.js"):
        shutil.copy(file, made)
    (made / "steps.js").write_text(plain_script(HERE / "steps.js"), "utf-8")
    base = gdw.Experiment(imbalance=0.05, epochs=3)
    runs = [gdw.run(base.with_(method=method)) for method in ("gdw", "gdw-tied")]
    panels = {
        "class": BilevelStepper("class", station=9),
        "instance": BilevelStepper("instance"),
        "ledger": FlowLedger(runs),
    }
    for name, panel in panels.items():
        data = json.dumps(state(panel), allow_nan=False)
        scripts = f"<script>window.gdwData = {data}</script><script src=steps.js></script><script src=host.js></script>"
        body = f"<title>{name}</title><link rel=stylesheet href=steps.css><main><div data-live></div></main>"
        (made / f"{name}.html").write_text(f"{HEAD}{body}{scripts}", "utf-8")
    return made


@pytest.fixture
def window(browser, folder):
    with offline_pages(browser, lambda name: (folder / f"{name}.html").as_uri(), reduced_motion="reduce") as show:
        yield show


def lit(page):
    return set(
        page.locator(".now .lit").evaluate_all(
            "(all) => all.map((each) => /of-\\w+/.exec(each.className.baseVal ?? each.getAttribute('class'))[0])"
        )
    )


def term(page, name):
    return page.locator(f".now .formula .of-{name}").first


def cells(page, name):
    return page.locator(f".now tbody.of-{name}")


@pytest.mark.parametrize("name", ["d", "t", "g"])
def test_a_term_lights_its_cells_and_a_cell_its_term(window, name):
    page = window("class")
    for source in (term(page, name), cells(page, name).locator("td.new, td").nth(5)):
        source.hover()
        assert lit(page) == {f"of-{name}"}
        assert "lit" in cells(page, name).get_attribute("class")
        assert "lit" in term(page, name).get_attribute("class")
        page.locator(".reading").locator("visible=true").hover()
        assert not lit(page)


def test_focus_lights_up_too(window):
    page = window("class")
    term(page, "d").focus()
    assert lit(page) == {"of-d"}
    cells(page, "t").focus()
    assert lit(page) == {"of-t"}
    page.get_by_role("slider").focus()
    assert not lit(page)


def test_a_tap_stays_until_the_next(window):
    page = window("class", viewport=PHONE, has_touch=True)
    term(page, "g").tap()
    assert lit(page) == {"of-g"}
    cells(page, "d").locator("td").nth(6).tap()
    assert lit(page) == {"of-d"}


@pytest.mark.parametrize("name", ["class", "instance"])
def test_at_every_stage_every_term_has_cells_and_one_table_is_unfolded(window, name):
    page = window(name)
    page.get_by_role("slider").press("Home")
    for number in range(1, page.locator(".stage").count() + 1):
        expect(page.locator(".where")).to_contain_text(f"Station {number} of")
        expect(page.locator("table:visible")).to_have_count(1)
        expect(page.locator(".stage.now > summary")).to_contain_text(f"{number}. ")
        names = page.locator(".now .formula [class*='of-']").evaluate_all("(all) => all.map((one) => one.classList[0])")
        assert names
        for each in names:
            assert page.locator(f".now tbody.{each}").count() == 1
        page.get_by_role("button", name="Forward").press("ArrowRight")


def test_another_stage_is_unfolded_by_hand(window):
    page = window("class")
    page.locator("summary", has_text="3. The flows").click()
    expect(page.locator("table:visible")).to_have_count(2)
    page.get_by_role("button", name="Forward").click()
    page.get_by_role("button", name="Back").click()
    expect(page.locator(".stage.now")).to_contain_text("9. g: does")


def test_forward_and_back_by_keys_shows_the_same(window):
    page = window("class")
    words = page.locator(".shown").aria_snapshot()
    slider = page.get_by_role("slider", name="Station")
    slider.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "Station 10")
    assert page.locator(".shown").aria_snapshot() != words
    slider.press("ArrowLeft")
    assert page.locator(".shown").aria_snapshot() == words
    page.get_by_label("Constraint").select_option("off")
    expect(page.locator("summary", has_text="Constraint off")).to_have_count(1)


def test_the_keys_go_on_where_a_button_ends(window):
    """A button that is pressed until it is switched off must not take the keys with it."""
    page = window("class")
    back = page.get_by_role("button", name="Back")
    while back.is_enabled():
        back.click()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".controls")).to_contain_text("2 of")


def test_theta_moves_to_theta_prime_and_back(window):
    page = window("instance")
    at, slider = {}, page.get_by_role("slider")
    for stage in range(1, 11):
        at[stage] = page.locator(".dot").evaluate("(dot) => getComputedStyle(dot).transform")
        assert page.locator(".arrow.try").evaluate("(arrow) => arrow.hasAttribute('data-off')") == (not 5 <= stage < 10)
        slider.press("ArrowRight")
    assert at[1] == at[4] == at[7] == at[9]
    assert at[5] == at[6] != at[1]
    assert at[10] not in (at[1], at[5])


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("name", ["class", "instance", "ledger"])
def test_a_phone_never_scrolls_sideways(window, name, large):
    page = window(name, viewport=PHONE)
    if large:
        page.get_by_role("button", name="Large type").click()
    slider = page.get_by_role("slider")
    slider.press("Home")
    for _ in range(int(slider.get_attribute("max")) + 1):
        assert page.evaluate(WIDE) <= PHONE["width"]
        for button in page.get_by_role("button").all():
            assert button.bounding_box()["height"] >= 44
        slider.press("ArrowRight")


@pytest.mark.parametrize("width", [390, 768, 1280, 1920])
@pytest.mark.parametrize("name", ["class", "ledger"])
def test_large_type_is_never_smaller(window, name, width):
    page = window(name, viewport={"width": width, "height": 900})
    sizes = "() => [...document.querySelectorAll('.shown, .shown th, .shown td, .formula, .where, figure')]"
    sizes += ".filter((each) => each.checkVisibility()).map((each) => parseFloat(getComputedStyle(each).fontSize))"
    whole = page.locator(".shown")
    before, small = whole.bounding_box(), page.evaluate(sizes)
    page.get_by_role("button", name="Large type").click()
    after, large = whole.bounding_box(), page.evaluate(sizes)
    assert after["width"] >= before["width"] - 1
    assert after["height"] > before["height"]
    assert all(b >= a for a, b in zip(small, large, strict=True))
    assert page.locator(".shown").evaluate("(page) => parseFloat(getComputedStyle(page).fontSize)") >= 20


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("name", ["class", "ledger"])
def test_nothing_bars_anyone(window, name, dark):
    page = window(name)
    if dark:
        page.evaluate("(style) => { document.body.style = style; document.body.dataset.jpThemeLight = 'false'; }", DARK)
    if name == "class":
        term(page, "d").click()
    assert not barriers(page, within=".gdw-steps", colors_alone=dark)


def test_what_is_read_aloud_is_words_and_numbers(window):
    page = window("class")
    words = page.locator(".gdw-steps").aria_snapshot()
    assert 'table "Numbers of station 9"' in words
    assert "row \"B cat, 'dog' 0.082 −0.004 −0.026\"" in words
    assert 'rowheader "meta gradient new"' in words
    assert 'columnheader "bird"' in words
    assert "figure \"B cat, 'dog'\"" in words
    assert "g > 0 for cat" in words  # a sign alone: the constraint may turn the weight round
    assert "img" not in words
    words = window("ledger").locator(".gdw-steps").aria_snapshot()
    assert 'table "GDW: mean weight"' in words
    assert "img" not in words


def test_the_ledger_plays_and_writes_every_epochs_numbers(window):
    page = window("ledger")
    first = page.locator("[data-text]").all_text_contents()
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".where")).to_have_text("Epoch 3 of 3")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    third = page.evaluate("gdwData.variants[0].frames[2].texts")
    assert page.locator("[data-text]").all_text_contents() == third != first
    page.locator("summary", has_text="Pull and push").first.click()
    page.get_by_role("slider").press("Home")
    expect(page.locator("table:visible")).to_have_count(3)
    assert page.locator("[data-text]").all_text_contents() == first
