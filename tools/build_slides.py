"""Makes the lecturer's slides from docs/teaching/slides.md and the package's own figures.

    python -m tools.build_slides            # build/slides/slides.html, and slides.pdf where a Chromium is installed

One file of HTML: pictures and style are inside, so that it shows and prints without a network. Pages are separated by
a line of three dashes. Lines that begin with > are the speaker's notes. A picture is ``![alt text](figure:name)``, with
a name from ``FIGURES``; ``![words](steps:name)`` is a page that moves, from ``STEPPERS``.
"""

import argparse
import base64
import json
import re
import shutil
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path

import mistune
import numpy as np
from matplotlib.figure import Figure

from gdw.methods import METHODS
from gdw_notebooks.examples.instances import cat_dog_bird
from gdw_notebooks.figures.effect_map import effect_map, verdict
from gdw_notebooks.figures.microscope import microscope_figure
from gdw_notebooks.figures.pictogram import cat_picture
from gdw_notebooks.figures.scores import scores
from gdw_notebooks.figures.style import picture
from gdw_notebooks.figures.weights import weights_by_group
from gdw_notebooks.panels.stepper import BilevelStepper
from gdw_notebooks.panels.steps import HERE, Steps, state
from gdw_notebooks.recorded import standing
from gdw_notebooks.recorded.histories import load
from tools.website.live import plain_script

ROOT = Path(__file__).parents[1]
SOURCE, TARGET = ROOT / "docs" / "teaching" / "slides.md", ROOT / "build" / "slides"
MOST_PAGES = 16
CHROMIUMS = ("chromium", "chromium-headless-shell", "chromium-browser", "google-chrome", "chrome", "msedge")
HOST, STEPS_SCRIPT = ROOT / "docs" / "site" / "static" / "host.js", HERE / "steps.js"
KEYS, STYLE = (Path(__file__).with_name(f"slides.{kind}") for kind in ("js", "css"))
HINT = "<p class='keys'>Press P to present: your notes open in a second window. Press N to show the notes here.</p>"
NOTES = "<aside><p class='clock'></p><div></div></aside>"  # the presenter's
MOVED = re.compile(r"!\[(?P<alt>[^\]]*)\]\(steps:(?P<name>\w+)\)")
PICTURE = re.compile(r"!\[(?P<alt>[^\]]*)\]\(figure:(?P<name>\w+)\)")


def _simple_ways() -> Figure:
    runs, searched = standing.load(), standing.load(standing.SEARCHED)
    names = ("only-clean", "cross-entropy", "fine-tune", "gdw")
    values = {name: standing.accuracies(runs, "uniform 60", name) for name in names}
    tuned = standing.accuracies(searched, "uniform 60", "cross-entropy")
    mean = {name: found.mean() for name, found in values.items()}
    assert mean["cross-entropy"] + 5 < mean["only-clean"] < mean["fine-tune"] < mean["gdw"] < mean["fine-tune"] + 3  # noqa: S101 - no slides whose words the numbers deny
    assert round(tuned.mean(), 1) == 91.9  # noqa: S101 - the same
    table = {"one recipe for all": values, "its own recipe": {"cross-entropy": tuned}}
    return scores(table, title="60 % uniform noise, ten seeds: a dot for each, a line at the mean", large=True)


def _microscope(weights: tuple[float, float, float], mode: str) -> Figure:
    return microscope_figure(cat_dog_bird(cat_picture()), np.array(weights), mode, large=True)


def _constraint() -> Figure:
    runs = load("04-class-level")
    names = ("GDW", "step size ×10", "step size ÷10", "constraint off")
    values = {name: [history.accuracy for history in runs[name]] for name in names}
    mean = {name: np.mean(found) for name, found in values.items()}
    assert mean["constraint off"] < 50 < max(mean.values()) - 3 < min(mean[name] for name in names[:3])  # noqa: S101 - no slides whose words the numbers deny
    title = "Six seeds: a dot for each, a line at the mean; the dotted line is chance"
    return scores({name: {"gdw": found} for name, found in values.items()}, chance=10, title=title, large=True)


def _motion() -> Figure:
    runs = load("05-noisy")["gdw"]
    plain = np.mean([history["flow_weight_plain"] for history in runs], axis=0)
    assert plain[9, 1, 1] < 0.25 < 0.95 < plain[9, 1, 2]  # noqa: S101 - no slides whose words the numbers deny
    assert plain[14, 1].max() < 0.1  # noqa: S101 - no slides whose words the numbers deny
    title = "Mean weights by epoch, five seeds; the line marks epoch 10"
    return weights_by_group(runs, name="flow_weight_plain", marked=10, title=title, large=True)


def _map(rival: str, wins: int, loses: int, below: int) -> Figure:
    """The map; the slides' words say how many cells GDW wins and loses, and in how many its mean is below."""
    found = standing.cells(standing.load(), rival)
    said = [verdict(difference) for difference in found.values()]
    assert (said.count("wins"), said.count("loses")) == (wins, loses)  # noqa: S101 - no slides whose words the numbers deny
    assert sum(difference.mean < 0 for difference in found.values()) == below  # noqa: S101 - the same
    return effect_map(found, standing.RATES, standing.IMBALANCES, rival=METHODS[rival].title, large=True)


FIGURES: Mapping[str, Callable[[], Figure]] = {
    "simple_ways": _simple_ways,
    "one_weight": lambda: _microscope((0.3, 0.3, 0.3), "instance"),
    "class_weights": lambda: _microscope((0, 1, 1), "classes"),
    "constraint": _constraint,
    "motion": _motion,
    "control": lambda: _map("gdw-tied", wins=0, loses=6, below=13),
    "rival": lambda: _map("l2rw", wins=2, loses=11, below=13),
}

# Pages that a lecturer moves: ``![words](steps:name)``.
STEPPERS: Mapping[str, Callable[[], Steps]] = {
    "meta_gradient": lambda: BilevelStepper("instance", station=8),
    "class_step": lambda: BilevelStepper("class", station=13),
}


def pages(text: str) -> list[str]:
    """The pages' Markdown.

    Raises:
        ValueError: more than 16 pages.
    """
    found = [page.strip() for page in re.split(r"(?m)^---$", text)]
    if len(found) > MOST_PAGES:
        raise ValueError(f"at most {MOST_PAGES} slides are wanted, and these are {len(found)}")
    return found


def html(text: str) -> str:
    """The whole document, pictures inside."""
    markdown = mistune.create_markdown(plugins=["table"], escape=False)
    sections = []
    for number, page in enumerate(pages(text), start=1):
        body = PICTURE.sub(lambda found: f"\n{_image(found['name'], found['alt'])}\n", page)
        body = MOVED.sub(lambda found: f"\n{_moved(found['name'], found['alt'])}\n", body)
        sections.append(f"<section>{markdown(body)}<span class='page'>{number}</span></section>")
    style = Steps._css + STYLE.read_text("utf-8")
    head = f"<meta charset='utf-8'><title>A wrong label is not wrong in every part</title><style>{style}</style>"
    scripts = plain_script(STEPS_SCRIPT) + HOST.read_text("utf-8") + KEYS.read_text("utf-8")
    body = f"{HINT}{''.join(sections)}{NOTES}<script>{scripts}</script>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{body}</body></html>\n"


def _image(name: str, alt: str) -> str:
    data = base64.b64encode(picture(FIGURES[name]())).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{alt}">'


def _moved(name: str, words: str) -> str:
    """A page that moves; its words are the name of its place."""
    found = escape(json.dumps(state(STEPPERS[name]())), quote=True)
    place = f'class="moved" role="group" aria-label="{escape(words, quote=True)}"'
    return f'<div {place} data-live="{name}" data-state="{found}"></div>'


def print_pdf(source: Path, target: Path) -> bool:
    """Print with Chromium; False where none is installed."""
    chromium = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if chromium is None:
        return False
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(source.resolve().as_uri())
        page.pdf(path=str(target), width="1280px", height="720px", print_background=True)
        browser.close()
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, default=TARGET, help="a folder")
    target = parser.parse_args().target
    target.mkdir(parents=True, exist_ok=True)
    file, pdf = target / "slides.html", target / "slides.pdf"
    file.write_text(html(SOURCE.read_text("utf-8")), "utf-8")
    print(file)
    if print_pdf(file, pdf):
        print(pdf)
    else:
        print("No Chromium was found, so there is no PDF: print slides.html from any browser.")


if __name__ == "__main__":
    main()
