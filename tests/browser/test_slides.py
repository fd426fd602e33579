"""The lecturer's slides in a real browser: no number is small, nothing is cut off; notes and the presenter's window."""

import re

import pytest
from matplotlib.text import Text
from playwright.sync_api import expect

from tests.browser.conftest import offline_pages
from tools.build_slides import FIGURES, SOURCE, html, pages

SMALLEST_PX, HEIGHT_PX = 18, 720
# Elements with a digit of their own, and their size as it is seen, stage by stage of a page that moves.
SIZES = """() => [...document.querySelectorAll('section *')].filter((element) => element.getClientRects().length
    && [...element.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && /\\d/.test(child.data)))
  .map((element) => [element.textContent.slice(0, 40), parseFloat(getComputedStyle(element).fontSize)
    * (element.ownerSVGElement ? element.getScreenCTM().a : 1)])"""
HEIGHTS = "() => [...document.querySelectorAll('section')].map((section) => section.scrollHeight)"
SCALES = """() => [...document.querySelectorAll('section img')].map((image) =>
  Math.min(image.clientWidth / image.naturalWidth, image.clientHeight / image.naturalHeight))"""


@pytest.fixture(scope="module")
def slides(browser, tmp_path_factory):
    file = tmp_path_factory.mktemp("slides") / "slides.html"
    file.write_text(html(SOURCE.read_text("utf-8")), "utf-8")
    with offline_pages(browser, lambda name: file.as_uri()) as show:
        yield show("slides")


def test_no_number_is_smaller_than_18_pixels_and_no_slide_is_cut(slides):
    for stage in range(13):
        for slider in slides.get_by_role("slider").all():
            slider.fill(str(min(stage + 1, int(slider.get_attribute("max")))))
        assert [each for each in slides.evaluate(SIZES) if each[1] < SMALLEST_PX] == [], stage
        assert max(slides.evaluate(HEIGHTS)) <= HEIGHT_PX, stage


def test_no_number_in_a_picture_is_smaller_either(slides):
    for (name, made), scale in zip(FIGURES.items(), slides.evaluate(SCALES), strict=True):
        figure = made()
        numbers = [text for text in figure.findobj(Text) if text.get_visible() and re.search(r"\d", text.get_text())]
        assert min(text.get_fontsize() for text in numbers) * figure.dpi / 72 * scale >= SMALLEST_PX, name


def test_the_notes_are_shown_by_a_key_and_hidden_again(slides):
    notes = slides.locator("blockquote:visible")
    assert notes.count() == 0
    slides.keyboard.press("n")
    assert notes.count() == len(pages(SOURCE.read_text("utf-8")))
    slides.keyboard.press("n")
    assert notes.count() == 0


def test_two_windows_stay_in_step(slides):
    """From a file, without a server: either window turns the pages, and a page that moves moves in both."""
    slides.evaluate("scrollTo(0, 0)")
    with slides.expect_popup() as opened:
        slides.keyboard.press("p")
    lecturer = opened.value
    windows = (slides, lecturer)
    expect(lecturer.locator("aside")).to_contain_text("Before the lesson")
    expect(lecturer.locator(".clock")).to_have_text(re.compile(r"^\d\d:\d\d, after 0 min$"))
    for _ in range(8):
        lecturer.keyboard.press("PageDown")
    expect(slides.locator("section.now .page")).to_have_text("9")
    slides.keyboard.press("ArrowLeft")
    for window in windows:
        expect(window.locator("section.now .page")).to_have_text("8")
        assert window.locator("section:visible").count() == (2 if window is lecturer else 1)
    expect(lecturer.locator("section.next .page")).to_have_text("9")
    lecturer.locator("section.now").get_by_role("slider").fill("6")
    for window in windows:
        expect(window.locator("section.now .where")).to_have_text("Station 7 of 10")
    lecturer.close()
    slides.keyboard.press("Escape")
    assert slides.locator("section:visible").count() == len(pages(SOURCE.read_text("utf-8")))
