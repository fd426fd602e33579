"""How alive the playground is, in a real Chromium, network off: ``python -m benchmarks.playground --json FILE``.

Steps a second of three learners side by side, pictures a second meanwhile, the first picture, bytes, and how far a
weight of the page (float64) is from Python's after 300 steps: in float32 on uniform noise ("apart"), in both precisions
on the first scene, and there in Python alone after a disturbance of 1e-7 before the first step. The machine's load
stands beside the figures: other work on it slows them.
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
UNIFORM, DISTURBANCE = {"noise": "uniform", "rate": 0.6}, 1e-7  # another scene; of one weight
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
TRAIN = """async ([source, recordings, steps, names, change]) => {
  const file = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  const { Run, FIRST, drawn, dataOf } = await import(file);
  const scene = { ...FIRST, ...change }, data = dataOf({ ...scene, points: drawn(scene, recordings.clouds) });
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


def trained(browser: Browser, change: dict) -> dict:
    """The page's data, batches and numbers after 300 steps on its first scene, with a change."""
    window = browser.new_page()
    source = f"{bundle('scene', 'run')}\nexport {{ Run, FIRST, drawn, dataOf }};"
    found = window.evaluate(TRAIN, [source, recordings(), STEPS, list(NAMES), change])
    window.close()
    return found


def in_python(name: str, found: dict, dtype: torch.dtype, disturbed: float = 0.0) -> dict[str, torch.Tensor]:
    """The network's weights after the same batches."""
    learner = Recorded(name, dtype=dtype)
    weights = {key: value.detach() for key, value in learner.model.named_parameters()}
    weights["2.weight"][3, 5] += disturbed
    for chosen, clean in found["batches"]:
        learner.write(found["data"], chosen, clean)
        learner.operations.replay()
    return weights


def network(states: dict[str, list[float]]) -> dict[str, torch.Tensor]:
    """The network's weights among a learner's numbers."""
    numbers = {name: torch.tensor(value, dtype=torch.float64) for name, value in states.items()}
    return {name.removeprefix("network."): value for name, value in numbers.items() if name.startswith("network.")}


def farthest(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> float:
    """The largest difference of a weight."""
    pairs = [(ours[key].flatten().double(), value.flatten().double()) for key, value in theirs.items()]
    return max(float((a - b).abs().max()) for a, b in pairs)


def apart(browser: Browser) -> dict[str, list[float]]:
    """Largest difference of a weight after 300 steps: of each learner, by what is compared."""
    uniform, first = (trained(browser, change) for change in (UNIFORM, {}))
    uniform_page, first_page = ([network(states) for states in found["states"]] for found in (uniform, first))
    in_64 = [in_python(name, first, torch.float64) for name in NAMES]
    compared = {
        "apart": (uniform_page, [in_python(name, uniform, torch.float32) for name in NAMES]),
        "apart_first_scene": (first_page, in_64),
        "apart_first_scene_float32": (first_page, [in_python(name, first, torch.float32) for name in NAMES]),
        "disturbed_first_scene": ([in_python(name, first, torch.float64, DISTURBANCE) for name in NAMES], in_64),
    }
    return {what: [farthest(*pair) for pair in zip(*both, strict=True)] for what, both in compared.items()}


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
        found |= {"steps_a_second_at_150": at_150, "bytes": [file.stat().st_size], **apart(browser)}
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


if __name__ == "__main__":
    main()
