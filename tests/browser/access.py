"""Whether anyone is barred: axe-core, and what a keyboard alone reaches."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

OUTPUTS = ".jp-OutputArea-output"  # of a notebook in JupyterLab: what is ours there; its own menus and bars are not
BARS = ("serious", "critical")  # axe's words for findings that keep people out
# axe would fetch the style sheets again, which a page from a file may not; what passes is not asked for
OPTIONS = {"preload": False, "resultTypes": ["violations"]}
FAR = 80  # presses of Tab that surely cross a panel


def barriers(page: Page, within: str | None = None, colors_alone: bool = False) -> list[tuple[str, str]]:
    """Serious and critical findings, each with its element.

    Args:
        within: a CSS selector; what it does not match is not ours, and is left out.
        colors_alone: of a page that was looked at in other colours: nothing else differs.
    """
    rules = {"runOnly": ["color-contrast", "link-in-text-block"]} if colors_alone else {}
    found = Axe().run(page, context=within, options=OPTIONS | rules).response["violations"]
    return [(v["id"], node["html"]) for v in found if v["impact"] in BARS for node in v["nodes"]]


def tab_to(page: Page, name: str) -> None:
    """Press Tab until the element with this name has the focus."""
    for _ in range(FAR):
        if page.evaluate(NAME_IN_FOCUS) == name:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no Tab leads to “{name}”")


# Of a button its words, of a field its label.
NAME_IN_FOCUS = """() => {
  const at = document.activeElement;
  return (at.getAttribute('aria-label') ?? at.labels?.[0]?.textContent ?? at.textContent ?? '').trim();
}"""
