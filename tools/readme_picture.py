"""The README's moving picture: the playground while it trains. ``python -m tools.readme_picture`` needs a Chromium.

Each frame is the page at an address that says how many steps to take: the same frames each time.
"""

import shutil
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from gdw_notebooks.playground.page import page

PICTURE = Path(__file__).parents[1] / "docs" / "playground.gif"
STEPS = (*range(0, 60, 10), *range(60, 301, 30))
SECONDS, LAST_SECONDS = 0.15, 3.0  # how long a frame stands
WIDTH, HEIGHT, SHOWN = 1100, 800, 700  # of the window, and of the picture, in pixels
COLORS = 128  # of the picture
READY = "() => document.querySelector('.score')?.textContent"


def frames(steps: tuple[int, ...] = STEPS) -> list[Image.Image]:
    """The three scenes after so many steps each."""
    found = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "playground.html"
        file.write_text(page(), "utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for count in steps:
            window = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
            window.goto(f"{file.as_uri()}#steps={count}")
            window.wait_for_function(READY)
            window.wait_for_function(f"() => document.querySelector('#steps').textContent === '{count}'")
            boxes = [box.bounding_box() for box in window.locator(".learner").all()]
            bottom = max(box["y"] + box["height"] for box in boxes)
            shot = window.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": bottom + 12})
            window.close()
            found.append(Image.open(BytesIO(shot)).convert("RGB"))
        browser.close()
    return found


def main() -> None:
    """Write them as one GIF that repeats."""
    pictures = [frame.resize((SHOWN, round(SHOWN / frame.width * frame.height))) for frame in frames()]
    palette = pictures[-1].quantize(COLORS, Image.Quantize.MAXCOVERAGE)  # one for all: what stays is written once
    reduced = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    times = [round(1000 * SECONDS)] * (len(reduced) - 1) + [round(1000 * LAST_SECONDS)]
    reduced[0].save(PICTURE, save_all=True, append_images=reduced[1:], duration=times, loop=0, optimize=True)


if __name__ == "__main__":
    main()
