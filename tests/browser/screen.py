"""What a screen shows of a panel: what is below its edge, and what is cut off at a side."""

from playwright.sync_api import Locator, Page

ZOOM_200 = {"width": 640, "height": 400}  # what 200 % leaves of a screen of 1280 x 800, in CSS pixels
SLACK = 1  # pixels that rounding may cost

# Of everything visible within an element: what reaches over the page's sides, and text wider than its box.
CUT_OFF = """(root, slack) => {
  const ARROW = 20;  // pixels of a menu for its arrow
  const pen = document.createElement('canvas').getContext('2d');
  const textWidth = (menu) => {
    pen.font = getComputedStyle(menu).font;
    return pen.measureText(menu.selectedOptions[0]?.textContent ?? '').width;
  };
  const found = [], width = document.documentElement.clientWidth;
  const seen = (el) => el.checkVisibility({ visibilityProperty: true }) && !el.closest('.unseen');
  const scrolls = (el) => {  // a wide table may be scrolled in its own box
    for (let at = el; at && at !== root; at = at.parentElement)
      if (['auto', 'scroll'].includes(getComputedStyle(at).overflowX) && at.scrollWidth > at.clientWidth + slack)
        return at.matches('.gdw-scrolls, pre');
    return false;
  };
  const textOf = (el) => (el.value ?? el.textContent ?? '').trim().slice(0, 40);
  const named = (el) => `${el.tagName.toLowerCase()}.${el.className} “${textOf(el)}”`;
  for (const el of root.querySelectorAll('*')) {
    if (el.closest('svg') || !seen(el)) continue;
    const box = el.getBoundingClientRect();
    if (!box.width || !box.height || scrolls(el)) continue;
    if (box.right > width + slack || box.left < -slack) found.push(`over the side: ${named(el)}`);
    const style = getComputedStyle(el), field = el.matches('input:not([type=range]):not([type=checkbox])');
    if (el.matches('select') && textWidth(el) > el.clientWidth - ARROW) found.push(`cut: ${named(el)}`);
    const hides = ['hidden', 'clip', 'auto', 'scroll'].includes(style.overflowX) || field;
    if (hides && el.scrollWidth > el.clientWidth + slack && el.clientWidth && (field || el.textContent.trim()))
      found.push(`cut: ${named(el)} ${el.scrollWidth} in ${el.clientWidth}`);
  }
  return found;
}"""


# Whether every picture is decoded and nothing seen has moved for as long as the kernel takes to draw again.
SETTLED = """async () => {
  const places = () => [...document.querySelectorAll('img, svg, table, button, .gdw-panel')]
    .filter((el) => el.checkVisibility()).map((el) => Object.values(el.getBoundingClientRect().toJSON()) + el.src);
  const before = places();
  await new Promise((done) => setTimeout(done, 400));
  return String(before) === String(places()) && [...document.images].every((image) => image.complete);
}"""


def settled(page: Page) -> None:
    """Wait until the page is as it will stay."""
    page.wait_for_function(SETTLED)


def cut_off(panel: Locator) -> list[str]:
    """What of the panel cannot be read without scrolling sideways."""
    return panel.evaluate(CUT_OFF, SLACK)


def bottom(element: Locator) -> float:
    """Where the element ends, in pixels from the top of the screen."""
    box = element.bounding_box()
    return box["y"] + box["height"]


def to_the_top(page: Page) -> None:
    """Scroll the page back to its beginning."""
    page.evaluate(
        "() => { for (const el of [document.scrollingElement, ...document.querySelectorAll('*')]) el.scrollTop = 0; }"
    )


def top(element: Locator) -> float:
    """Where the element begins, in pixels from the top of the screen."""
    return element.bounding_box()["y"]
