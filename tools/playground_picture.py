"""Draws the playground's picture for readers without a kernel: ``python -m tools.playground_picture``."""

import io
import shutil
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from gdw_notebooks.playground.page import page
from gdw_notebooks.playground.widget import PICTURE

STEPS, COLOURS = 400, 128
SCREEN = {"width": 1280, "height": 800}
SHOWN = f"() => document.getElementById('steps').textContent === '{STEPS}'"
SETTLED_MS = 1000  # points have reached their size


def main() -> None:
    """Open the page at a step, photograph its learners, write the file."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "playground.html"
        file.write_text(page(), "utf-8")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        window = browser.new_page(viewport=SCREEN, color_scheme="light")
        window.goto(f"{file.as_uri()}#steps={STEPS}")
        window.wait_for_function(SHOWN)
        window.wait_for_timeout(SETTLED_MS)
        png = window.locator("#learners").screenshot()
        browser.close()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
