"""The static site in a real browser, from files, with the network off: every page, and what is alive on it."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

import gdw
from tests.browser.access import barriers
from tests.browser.conftest import offline_pages
from tests.browser.servers import REPOSITORY
from tools.website.lab import by_scenario, lab_data

LARGEST, FIRST_PAINT_MS = 15e6, 1000  # bytes of the whole site; and on a disk of its own machine
PHONE = {"width": 390, "height": 844}
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
LIVE = ("microscope", "stepper", "ledger", "lab", "spot")
UNSIZED = """() => [...document.querySelectorAll('article img[src]')]
  .filter((image) => image.complete && !image.naturalWidth).length"""

SCROLLED = "[...document.querySelectorAll('.output pre')].filter((one) => one.scrollWidth > one.clientWidth + 1).length"


PAPER = {"width": 718, "height": 1000}  # A4 with margins, in CSS pixels
# What is cut off on paper: it would have to be scrolled to, or is beyond the margin.
CUT = """(width) => [...document.querySelectorAll('article :not(svg *, .unseen)')].filter((element) => {
  const box = element.getBoundingClientRect(), scrolls = getComputedStyle(element).overflowX !== 'visible';
  const hides = scrolls && element.scrollWidth > element.clientWidth + 1 && !element.closest('svg');
  return box.width && box.height && (hides || box.right > width + 1);
}).map((element) => element.outerHTML.slice(0, 100))"""

ORDERS = r"""() => document.querySelector('article').querySelector('input, button, select, iframe') ? [] :
  [...document.querySelectorAll('article p')].filter((text) => !text.querySelector('a[href*="live/"]'))
    .map((text) => text.textContent)
    .filter((text) => /\b(Press|Drag|drag|dragged|Move|Choose|Use Back|[Tt]he slider)\b/.test(text))"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A site, built once for all tests here."""
    target = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "tools.build_site", "--target", str(target)]
    built = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr[-3000:]
    return target


def test_every_public_name_is_on_the_page_of_the_library(site):
    page = (site / "api.html").read_text("utf-8")
    for module in (gdw, gdw.methods, gdw.data):
        for name in module.__all__:
            if name != "methods":  # a module, with a part of the page
                assert f'id="{module.__name__}.{name}"' in page, name


@pytest.fixture
def window(browser, site):
    with offline_pages(browser, lambda name: (site / f"{name}.html").as_uri()) as show:
        yield show


def names(site):
    return [path.relative_to(site).with_suffix("").as_posix() for path in sorted(site.rglob("*.html"))]


@pytest.fixture(scope="module")
def every_page(browser, site):
    """What each page shows on a phone, and then on paper; it is opened once."""
    found = {}
    with offline_pages(browser, lambda name: (site / f"{name}.html").as_uri()) as show:
        page = show("index", viewport=PHONE)
        for name in names(site):
            page.set_viewport_size(PHONE)
            page.emulate_media(media="screen")
            page.goto((site / f"{name}.html").as_uri())
            on_phone = {
                "width": page.evaluate("document.documentElement.scrollWidth"), "unsized": page.evaluate(UNSIZED),
                "scrolled": page.evaluate(SCROLLED),
                "orders": page.evaluate(ORDERS) if name.startswith("notebooks/") else [],
                "folds": page.locator("details.answer > summary").all_text_contents(),
            }  # fmt: skip
            page.set_viewport_size(PAPER)
            page.emulate_media(media="print")
            skipping = page.locator(".skip-to-content:visible").count()
            found[name] = on_phone | {"skipping": skipping, "cut": page.evaluate(CUT, PAPER["width"])}
    return found


def test_it_is_whole_and_small(site):
    found = names(site)
    assert {"index", "course", "docs/glossary", "docs/results", "notebooks/README"} <= set(found)
    assert {f"live/{name}" for name in LIVE} <= set(found)
    assert {f"notebooks/{path.stem}" for path in (REPOSITORY / "notebooks").glob("*.ipynb")} <= set(found)
    assert sum(path.stat().st_size for path in site.rglob("*") if path.is_file()) < LARGEST


def test_every_page_opens_without_network_and_fits_a_phone(every_page):
    for name, found in every_page.items():
        assert found["width"] <= PHONE["width"], name
        assert found["unsized"] == 0, name
        assert found["scrolled"] == 0, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_bars_anyone(site, window, scheme):
    page = window("index", color_scheme=scheme)
    live = [f"live/{name}" for name in LIVE]
    for name in ("index", "course", "search", "notebooks/README", *live, "notebooks/01_gradient_flows", "docs/audit"):
        page.goto((site / f"{name}.html").as_uri())
        assert not barriers(page, colors_alone=scheme == "dark"), name


def test_nothing_is_cut_off_on_paper(every_page):
    for name, found in every_page.items():
        assert found["skipping"] == 0, name
        assert found["cut"] == [], name


def test_the_first_paint_comes_at_once(window):
    for name in ("index", "course", "live/lab", "notebooks/05_weights_in_motion"):
        page = window(name)
        page.wait_for_function(FIRST_PAINT)
        assert page.evaluate(FIRST_PAINT) < FIRST_PAINT_MS, name


def test_the_microscope_is_dragged(window):
    page = window("live/microscope")
    handle = page.get_by_role("slider", name="Weight of cat")
    before = float(handle.get_attribute("aria-valuenow"))
    box = handle.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + box["height"] / 2, steps=5)
    page.mouse.up()
    expect(handle).not_to_have_attribute("aria-valuenow", f"{before:.3f}")
    handle.press("Home")
    expect(handle).to_have_attribute("aria-valuenow", "0.000")
    expect(page.get_by_role("slider", name="Weight of dog")).not_to_have_attribute("aria-valuenow", "1.000")
    page.get_by_role("button", name="Next").click()
    expect(page.locator(".where")).to_contain_text("2 of 25")


@pytest.mark.parametrize(
    ("chapter", "name"),
    [("00_start_here", "lab"), ("01_gradient_flows", "microscope"), ("03_learning_from_a_clean_set", "stepper"),
     ("05_weights_in_motion", "ledger")],
)  # fmt: skip
def test_a_still_panel_of_a_chapter_has_words_and_leads_to_where_it_moves(window, chapter, name):
    page = window(f"notebooks/{chapter}")
    assert page.locator(f'a[href$="live/{name}.html"]', has_text="Move it yourself").count() >= 1
    words = page.locator('img[src*="_images"]').evaluate_all("(images) => images.map((image) => image.alt)")
    words += page.locator(".output .gdw-steps").all_text_contents()
    assert words
    assert min(len(each.split()) for each in words) >= 8


@pytest.mark.parametrize("chapter", ["02_broken_data", "06_when_does_it_help", "09_your_own_data"])
def test_a_panel_that_moves_nowhere_on_the_site_says_so(window, chapter):
    """The text says "move a slider" or "use the keys", and below it stood a picture."""
    said = window(f"notebooks/{chapter}").get_by_text("Here it stands still. In the installed course you can move it.")
    assert said.count() > 0


@pytest.mark.parametrize("chapter", ["03_learning_from_a_clean_set", "04_class_level_weights", "08_real_pictures"])
def test_what_is_said_of_an_answer_is_in_its_fold(window, chapter):
    page = window(f"notebooks/{chapter}")
    folds = page.locator("details.answer").filter(has_text="After your guess:")
    said = page.evaluate("""() => [...document.querySelectorAll('details.answer')].map((fold) =>
      fold.firstElementChild.textContent.startsWith('After') ? fold.nextElementSibling?.textContent ?? '' : '')""")
    assert folds.count() >= 1
    assert not [text for text in said if "What you see." in text]
    assert any("What you see." in text for text in folds.all_text_contents())


def test_a_question_is_answered_by_keyboard_and_by_finger(window):
    page = window("notebooks/00_start_here", viewport=PHONE)
    answer, reply = page.get_by_text("cross-entropy on all 1,200", exact=True), page.get_by_text("Fifty right labels")
    expect(reply).to_be_hidden()
    assert answer.bounding_box()["height"] >= 44
    answer.focus()
    page.keyboard.press("Enter")
    expect(reply).to_be_visible()
    wrong = page.get_by_text("only the 50 clean pictures", exact=True)
    wrong.click()
    expect(page.get_by_text("Look where cross-entropy ends")).to_be_visible()


VERDICT = re.compile(r"^(Right|No)\. \S", re.MULTILINE)


@pytest.mark.parametrize("path", sorted((REPOSITORY / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_every_answer_opens_and_closes_twice_by_every_way(window, path):
    page = window(f"notebooks/{path.stem}", viewport=PHONE)
    folds = page.locator("article details:not(.answer, .gdw-steps details)")
    assert folds.count() >= 4
    for fold in folds.all():
        for way in ("click", "Enter", "Space"):  # a tap of a busy machine is a long press, which opens nothing
            press(fold.locator("> summary"), way)
            expect(fold).to_have_attribute("open", "")
            assert VERDICT.search(fold.inner_text())
            press(fold.locator("> summary"), way)
            expect(fold).not_to_have_attribute("open", "")


def press(words, way):
    words.click() if way == "click" else words.press(way)


def test_on_paper_every_fold_is_open_and_panels_are_light(window):
    page = window("notebooks/01_gradient_flows", color_scheme="dark")
    folds, opened = page.locator("article details"), page.locator("article details[open]")
    folds.first.locator("> summary").click()
    expect(opened).to_have_count(1)
    page.emulate_media(media="print")
    expect(opened).to_have_count(folds.count())
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "true")
    page.emulate_media(media="screen")
    expect(opened).to_have_count(1)
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")


@pytest.mark.parametrize("name", ["lab", "microscope"])
def test_a_table_is_filled_before_paper_opens_it(window, name):
    """Paper is laid out at once: what a fold does after it was opened comes too late."""
    page = window(f"live/{name}")
    expect(page.locator("article svg, article .track").first).to_be_visible()
    rows = """() => {
      const folds = [...document.querySelectorAll('article details')];
      const fold = folds.find((each) => each.textContent.includes('Data as a table'));
      fold.open = true;
      return [...fold.querySelectorAll('tbody tr')].filter((row) => row.clientHeight).length;
    }"""
    assert page.evaluate(rows) > 2


def test_the_playground_within_a_page_needs_no_scrolling_of_its_own(window):
    page = window("notebooks/00_start_here", viewport=PHONE, color_scheme="dark")
    frame = page.frame_locator("iframe.playground")
    expect(frame.locator("html")).to_have_attribute("data-theme", "dark")
    page.wait_for_function("document.querySelector('iframe.playground').clientHeight > 2000")
    expect(frame.get_by_role("link", name="Take the course")).to_be_hidden()  # it is here


@pytest.mark.parametrize("name", ["course", "live/lab", "notebooks/00_start_here"])
def test_every_page_leads_to_the_playground(window, name):
    page = window(name)
    page.locator(".sidebar-tree").get_by_role("link", name="The playground").click()
    expect(page.get_by_role("button", name="Train", exact=True)).to_be_visible()


def test_the_stepper_shows_no_plane_without_an_arrow(window):
    """It opened with three empty frames."""
    page = window("live/stepper")
    expect(page.locator("figure:visible")).to_have_count(1)
    page.get_by_role("button", name="Forward").click(click_count=2)
    expect(page.locator("figure:visible")).to_have_count(4)


def test_a_page_asks_only_for_what_it_can_do(site, window, every_page):
    page = window("notebooks/00_start_here")
    text = page.locator("article").inner_text()
    assert not re.search(r"Shift\+Enter|Press the button|press Train\.", text)
    assert page.frame_locator("iframe.playground").get_by_role("button", name="Train").count()
    page.locator("article").get_by_role("link", name="The lab on records").click()
    expect(page.get_by_label("Scenario", exact=True)).to_be_visible()
    for name, asked in {"01_gradient_flows": "Tab to the slider", "08_real_pictures": "press ▶"}.items():
        page.goto((site / f"notebooks/{name}.html").as_uri())
        assert asked not in page.locator("article").inner_text()  # its panel stands still here
    for name, found in every_page.items():
        if name.startswith("notebooks/"):
            assert found["orders"] == [], name
            folds = found["folds"]
            guesses = [fold for fold in folds if fold.startswith("After your guess")]
            assert len(set(guesses)) == len(guesses)
            assert set(folds) - set(guesses) <= {"The code", "Solution"}


@pytest.mark.parametrize(("name", "slider", "last"), [("stepper", "Station", 10), ("ledger", "Epoch", 60)])
def test_pages_move_by_keys(window, name, slider, last):
    page = window(f"live/{name}")
    shown, control = page.locator(".gdw-steps .shown"), page.get_by_role("slider", name=slider)
    first = shown.aria_snapshot()
    control.press("ArrowRight")
    expect(page.locator(".where")).to_have_text(f"{slider} 2 of {last}")
    assert shown.aria_snapshot() != first
    control.press("End")
    expect(page.locator(".where")).to_have_text(f"{slider} {last} of {last}")
    expect(page.get_by_role("button", name="Forward")).to_be_disabled()


def test_the_stepper_changes_its_weights(window):
    page = window("live/stepper")
    page.get_by_role("combobox").select_option("one weight for each class")
    expect(page.locator(".where")).to_have_text("Station 1 of 13")


def test_the_game_counts_what_is_judged_by_key_and_by_click_and_names_the_audit(window):
    page = window("live/spot")
    page.get_by_role("button", name="Start").click()
    rounds = {one["picture"]: one for one in page.evaluate("gdwData.rounds")}
    assert sum(one["wrong"] for one in rounds.values()) == len(rounds) / 2
    for place in range(len(rounds)):
        wrong = rounds[page.locator(".gdw-spot img").get_attribute("src")]["wrong"]
        if place % 2:
            page.keyboard.press("ArrowLeft" if wrong else "ArrowRight")
        else:
            page.get_by_role("button", name="Wrong" if wrong else "Right").click()
    right = sum(one["wrong"] == one["audit"] for one in rounds.values())
    said = page.locator(".gdw-spot .said")
    expect(said).to_contain_text("60 labels judged, 30 of them were wrong. You: 60 judged rightly, 30 wrong ones")
    expect(said).to_contain_text(f"The audit on the same pictures: {right} judged rightly")


def test_the_lab_says_what_the_records_say(window):
    page = window("live/lab")
    finding, data = page.locator(".finding"), lab_data()["scenarios"]
    for name, runs in by_scenario().items():
        page.get_by_label("Scenario", exact=True).select_option(name)
        page.get_by_label("Method", exact=True).select_option("gdw")
        page.get_by_label("beside", exact=True).select_option("mwnet")
        mean = sum(history.accuracy for history in runs["gdw"]) / len(runs["gdw"])
        expect(finding).to_contain_text(f"GDW {mean:.1f} %")
        stored = data[name]["differences"]
        turned = -1 if "mwnet|gdw" in stored else 1
        low, high = sorted(turned * bound for bound in stored["mwnet|gdw" if turned < 0 else "gdw|mwnet"][-1][1:])
        expect(finding).to_contain_text(f"[{signed(low)}, {signed(high)}], paired over {len(runs['gdw'])} seeds")
    page.get_by_label("Seeds", exact=True).select_option("1")
    expect(finding).to_contain_text("one seed has no interval")
    page.get_by_label("beside", exact=True).select_option("gdw")
    expect(finding).to_contain_text("Choose two different methods")


def signed(value):
    return f"{value:+.1f}".replace("-", "−")


def test_the_lab_is_played_and_shows_three_views(window):
    page = window("live/lab")
    page.get_by_role("button", name="Play").click()
    expect(page.locator(".where")).to_have_text(re.compile("^epoch [2-9] "))
    page.get_by_role("button", name="Pause").click()
    page.get_by_role("slider", name="Epoch").press("End")
    drawing = page.locator(".plots > svg")
    shown = page.locator(".legend .swatch").evaluate_all("(all) => all.map((each) => each.innerHTML)")
    assert len(set(shown)) == 2  # each method has a look of its own
    expect(drawing.locator("path")).to_have_count(2)
    page.get_by_label("View", exact=True).select_option("classes")
    expect(drawing.locator("rect")).to_have_count(20)
    page.get_by_label("View", exact=True).select_option("weights")
    expect(drawing.locator("path")).to_have_count(6)
    page.get_by_text("Data as a table").click()
    expect(page.locator(".gdw-records tbody tr")).to_have_count(6)


def test_large_type_stays_on_the_next_page(site, window):
    page = window("course")
    page.get_by_role("button", name="Large type").click()
    size = page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)")
    assert size >= 22
    page.goto((site / "live" / "stepper.html").as_uri())
    assert page.evaluate("parseFloat(getComputedStyle(document.body).fontSize)") == size
    switch = page.get_by_role("button", name="Large type")
    expect(switch).to_have_count(1)  # it is the panel's too
    expect(page.locator(".gdw-steps.gdw-large")).to_be_visible()
    switch.click()
    expect(page.locator(".gdw-steps.gdw-large")).to_have_count(0)
