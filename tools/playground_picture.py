"""Draws the playground's pictures, with a Chromium: ``python -m tools.playground_picture``.

One is for readers without a kernel (gdw_notebooks/playground/playground.png), one moves, for the README
(docs/playground.gif). Each is the page at an address that says how many steps to take: the same picture each time.
"""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from gdw_notebooks.playground.page import page
from gdw_notebooks.playground.widget import PICTURE

MOVING = Path(__file__).parents[1] / "docs" / "playground.gif"
STILL_STEPS, MOVING_STEPS = 400, (*range(0, 60, 10), *range(60, 301, 30))
STILL_WIDTH, MOVING_WIDTH, HEIGHT, SHOWN = 1280, 1100, 800, 700  # of the windows, and of the moving picture, in pixels
COLORS = 256  # of a picture: with half as many, lines take the colour of another method
FRAME_MS, LAST_FRAME_MS = 150, 3000  # how long a frame stands
SETTLED_MS = 1000  # points have reached their size


def main() -> None:
    """Open the page at its steps, photograph it, write both files."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "playground.html"
        file.write_text(page(), "utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        with opened(browser, file, STILL_STEPS, STILL_WIDTH) as window:
            still = _picture(window.locator("#learners").screenshot())
        frames = [scenes(browser, file, steps) for steps in MOVING_STEPS]
        browser.close()
    still.save(PICTURE, optimize=True)  # in all its colours: fewer would take the thin lines'
    palette = frames[-1].quantize(COLORS, Image.Quantize.MAXCOVERAGE)  # one for all: what stays is written once
    first, *later = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    times = [FRAME_MS] * len(later) + [LAST_FRAME_MS]
    first.save(MOVING, save_all=True, append_images=later, duration=times, loop=0, optimize=True)


@contextmanager
def opened(browser: Browser, file: Path, steps: int, width: int) -> Iterator[Page]:
    """The page after this number of steps."""
    window = browser.new_page(viewport={"width": width, "height": HEIGHT}, color_scheme="light")
    window.goto(f"{file.as_uri()}#steps={steps}")
    window.wait_for_function(f"() => document.getElementById('steps').textContent === '{steps}'")
    window.wait_for_timeout(SETTLED_MS)
    yield window
    window.close()


def scenes(browser: Browser, file: Path, steps: int) -> Image.Image:
    """From the top of the page to the end of the three scenes."""
    with opened(browser, file, steps, MOVING_WIDTH) as window:
        boxes = [box.bounding_box() for box in window.locator(".learner").all()]
        bottom = max(box["y"] + box["height"] for box in boxes)
        shot = window.screenshot(clip={"x": 0, "y": 0, "width": MOVING_WIDTH, "height": bottom + 12})
    frame = _picture(shot)
    return frame.resize((SHOWN, round(SHOWN / frame.width * frame.height)))


def _picture(png: bytes) -> Image.Image:
    return Image.open(BytesIO(png)).convert("RGB")


if __name__ == "__main__":
    main()
