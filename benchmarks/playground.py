"""How alive the playground is, in a real Chromium, network off: ``python -m benchmarks.playground --json FILE``.

Steps a second of three learners side by side, pictures a second meanwhile, the first picture, bytes, and how far the
page is from Python after 300 steps. The machine's load stands beside the figures: other work on it slows them.
"""

import argparse
import json
import os
import shutil
import tempfile
from pathlib import Path
from statistics import median

import torch
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.measure import machine
from gdw_notebooks.playground.page import bundle, page, recordings
from tools.record_steps import Recorded

STARTS, SECONDS, WARM_UP, ROUNDS = 5, 4, 2, 3  # first pictures; of each measurement; before it; how many
STEPS, NAMES = 300, ("cross-entropy", "gdw-tied", "gdw")
SCREEN = {"width": 1280, "height": 800}
AIMS = {"steps_a_second": 150, "pictures_a_second": 30, "first_picture_seconds": 1, "bytes": 2e6, "apart": 1e-3}

# Pictures that were drawn with other numbers than the one before, and steps, within some seconds.
COUNT = """(seconds) => new Promise((done) => {
  const steps = document.getElementById('steps'), first = Number(steps.textContent), from = performance.now();
  let pictures = 0;
  new MutationObserver(() => pictures++).observe(steps, { childList: true, characterData: true, subtree: true });
  setTimeout(() => {
    const passed = (performance.now() - from) / 1000;
    done([(Number(steps.textContent) - first) / passed, pictures / passed]);
  }, seconds * 1000);
})"""
DRAWN = "() => document.querySelector('.score')?.textContent ? performance.now() : 0"
TRAIN = """async ([source, recordings, steps, names]) => {
  const file = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const { Run, FIRST, drawn, dataOf } = await import(file);
  const data = dataOf({ ...FIRST, noise: 'uniform', rate: 0.6, points: drawn(FIRST, recordings.clouds) });
  const run = new Run(recordings, { data, seed: FIRST.seed, learners: names }), batches = [];
  for (let k = 0; k < steps; k++) {
    run.step();
    batches.push([run.last.chosen, run.last.clean]);
  }
  const states = run.learners.map(({ states }) => Object.fromEntries(states.map(([name, t]) => [name, [...t.data]])));
  const plain = { ...data, points: [...data.points], cleanPoints: [...data.cleanPoints] };
  return { data: plain, batches, states };
}"""


def first_picture(browser: Browser, file: Path) -> float:
    """Seconds from the navigation's start to the first picture, in a new context."""
    window = browser.new_context(viewport=SCREEN, offline=True).new_page()
    window.goto(file.as_uri())
    window.wait_for_function(DRAWN)
    seconds = window.evaluate(DRAWN) / 1000
    window.context.close()
    return seconds


def rates(window: Page, pace: str) -> tuple[list[float], list[float]]:
    """Steps and pictures a second at one of the page's speeds, round by round."""
    window.get_by_label("Speed").select_option(pace)
    window.get_by_role("button", name="Train", exact=True).click()
    window.wait_for_timeout(1000 * WARM_UP)
    found = [window.evaluate(COUNT, SECONDS) for _ in range(ROUNDS)]
    window.get_by_role("button", name="Pause", exact=True).click()
    steps, pictures = zip(*found, strict=True)
    return list(steps), list(pictures)


def apart(browser: Browser) -> list[float]:
    """Largest difference of a weight of each learner's network after 300 steps on clouds with uniform noise (0.6)."""
    window = browser.new_page()
    source = f"{bundle('scene', 'run')}\nexport {{ Run, FIRST, drawn, dataOf }};"
    found = window.evaluate(TRAIN, [source, recordings(), STEPS, list(NAMES)])
    window.close()
    return [_apart(name, states, found) for name, states in zip(NAMES, found["states"], strict=True)]


def measure() -> dict[str, list[float]]:
    """Every figure by name, each with all its measurements."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "playground.html"
        file.write_text(page("course.html"), "utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found = {"first_picture_seconds": [first_picture(browser, file) for _ in range(STARTS)]}
        window = browser.new_context(viewport=SCREEN, offline=True).new_page()
        window.goto(file.as_uri())
        found["steps_a_second"], found["pictures_a_second"] = rates(window, "fastest")
        at_150, found["pictures_a_second_at_150"] = rates(window, "150 steps/s")
        found |= {"steps_a_second_at_150": at_150, "bytes": [file.stat().st_size], "apart": apart(browser)}
        browser.close()
    return found


def main() -> None:
    """Measure, print the table and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    load = [os.getloadavg()[0]]
    rows = measure()
    load.append(os.getloadavg()[0])
    print(machine() | {"cores": os.cpu_count(), "load": load})
    for name, values in rows.items():
        aim = f"   aim {AIMS[name]:g}" if name in AIMS else ""
        print(f"{name:26} {median(values):10.4g}   [{min(values):.4g}, {max(values):.4g}] of {len(values)}{aim}")
    if options.json:
        record = {"rows": rows, "aims": AIMS, "load": load, **machine()}
        options.json.write_text(json.dumps(record, indent=1) + "\n", "utf-8")


def _apart(name: str, states: dict, found: dict) -> float:
    learner = Recorded(name)
    for chosen, clean in found["batches"]:
        learner.write(found["data"], chosen, clean)
        learner.operations.replay()
    ours = {key: torch.tensor(value) for key, value in states.items()}
    pairs = [(ours[f"network.{key}"], value.detach().flatten()) for key, value in learner.model.named_parameters()]
    return max(float((a - b).abs().max()) for a, b in pairs)


if __name__ == "__main__":
    main()
