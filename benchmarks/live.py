"""What a student feels, in seconds: ``python -m benchmarks.live --json FILE``.

In JupyterLab in a real Chromium: from the press of Train to the first curve on the page, in a new kernel and later; how
many pictures a second the page draws while two methods train; from a press of a view's button to that view. In Python:
import time over torch's own; how long Stop takes; a live run over a bare one; a whole digits run. Each figure is a
median of several measurements, with their range beside it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch
from playwright.sync_api import Page, sync_playwright

from benchmarks.measure import machine
from gdw import files
from gdw_notebooks.panels.lab_views import VIEWS
from gdw_notebooks.panels.session import Session
from gdw_notebooks.panels.training_lab import TrainingLab
from tests.browser import pages, servers

IMPORTS, RUNS, STOPS, NEW_KERNELS, WARM_STARTS = 7, 5, 10, 3, 5  # how often each is measured
WAIT_SECONDS = 60.0  # for something that should take less than one
METHODS = ("gdw", "mwnet", "cross-entropy")
AIMS = {
    "first_curve_new_kernel": 2, "first_curve_warm": 0.3, "pictures_per_second": 10, "tab": 0.1, "live_over_bare": 1.2,
}  # fmt: skip
CELL = "from gdw_notebooks.panels.training_lab import TrainingLab\nlab = TrainingLab()\nlab"
TABS = ("Classes", "Weights", "Gradient", "V’s curve", "Labels", "Accuracy")
RATE_SECONDS = 3
PLACE = "document.querySelector('.gdw-drawing .plots')"
# From the press of a button until the words of the picture, which are drawn with it, match; in seconds.
UNTIL = f"""([button, words]) => new Promise((done) => {{
  const place = {PLACE}, wanted = new RegExp(words), from = performance.now();
  new MutationObserver((_, observer) => {{
    if (!wanted.test(place.getAttribute("aria-label"))) return;
    observer.disconnect();
    done((performance.now() - from) / 1000);
  }}).observe(place, {{ attributes: true }});
  [...document.querySelectorAll("button")].find((each) => each.textContent.trim() === button).click();
}})"""
# How often a picture was drawn anew, a second.
RATE = f"""(seconds) => new Promise((done) => {{
  let pictures = 0;
  new MutationObserver(() => pictures++).observe({PLACE}, {{ childList: true, subtree: true }});
  setTimeout(() => done(pictures / seconds), 1000 * seconds);
}})"""


def in_browser() -> dict[str, list[float]]:
    """Each figure of the page, with all its measurements."""
    found: dict[str, list[float]] = {name: [] for name in AIMS if name != "live_over_bare"}
    with TemporaryDirectory() as folder, sync_playwright() as playwright:
        root, scratch = Path(folder) / "notebooks", Path(folder) / "scratch"
        root.mkdir()
        pages.write_notebook(root / "lab.ipynb", CELL)
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        with servers.jupyterlab(root, scratch) as server:
            for place in range(NEW_KERNELS):
                page = browser.new_context(base_url=server.url).new_page()
                page.goto(f"/api/status?token={server.token}")
                pages.open_notebook(page, "lab.ipynb")
                pages.run_all(page)
                found["first_curve_new_kernel"].append(_first_curve(page))
                if place == 0:
                    _later(page, found)
                page.context.close()
                servers.end_kernels(server)
        browser.close()
    return found


def _first_curve(page: Page) -> float:
    """From the press of Train; the run goes on."""
    return page.evaluate(UNTIL, ["Train", r"After \d+ epochs?:"])


def _later(page: Page, found: dict[str, list[float]]) -> None:
    """What is measured in a kernel that has trained before."""
    for _ in range(WARM_STARTS):
        page.evaluate(UNTIL, ["Reset", "No epoch is over yet"])
        found["first_curve_warm"].append(_first_curve(page))
        found["pictures_per_second"].append(page.evaluate(RATE, RATE_SECONDS))
        for tab in TABS:
            found["tab"].append(page.evaluate(UNTIL, [tab, f"^{VIEWS[tab].words}"]))


class Lab:
    """A TrainingLab as the notebook has it, with a hand on its buttons."""

    def __init__(self):
        self.lab = TrainingLab()

    def seconds_to_stop(self, after: float) -> float:
        """From the press of Stop, ``after`` seconds into a run, to the session's end."""
        self.lab.train.click()
        _wait_for(lambda: any(len(history) for history in self.lab.histories))
        time.sleep(after)
        return self.stop()

    def stop(self) -> float:
        pressed = time.perf_counter()
        self.lab.stop.click()
        _wait_for(lambda: not self.lab.session.busy)
        return time.perf_counter() - pressed

    def live_over_bare(self) -> float:
        """A live run of two methods, drawn while it trains, over the same two in a session that draws nothing."""
        experiments = self.lab.controls.experiments()
        bare = _timed(lambda: Session().run(experiments))
        begun = time.perf_counter()
        self.lab.train.click()
        self.lab.session.join()
        return (time.perf_counter() - begun) / bare


def import_over_torch() -> list[float]:
    """Ratios of ``import gdw`` to ``import torch``, in turns, each in its own process."""
    return [_fresh("import gdw") / _fresh("import torch") for _ in range(IMPORTS)]


def digits_run(method: str, **how) -> list[float]:
    """Seconds of 60 epochs on digits, one thread, data and all."""
    import gdw

    experiment = gdw.Experiment(rate=0.6, method=method, **how)
    gdw.run(experiment.with_(epochs=2))  # whatever happens once in a process
    return [_timed(lambda: gdw.run(experiment)) for _ in range(RUNS)]


def measure() -> dict[str, dict]:
    """Every figure, by name: median, range and number of measurements."""
    lab = Lab()
    values = {
        "import_over_torch": import_over_torch(),
        **in_browser(),
        "stop": [lab.seconds_to_stop(after=0.1 * turn) for turn in range(STOPS)],
        "live_over_bare": [lab.live_over_bare() for _ in range(RUNS)],
        **{f"digits_{method.replace('-', '_')}": digits_run(method) for method in METHODS},
        "digits_gdw_step_by_step": digits_run("gdw", capture=False),
    }
    return {name: _summary(found) for name, found in values.items()}


def main() -> None:
    """Measure, print the table and write the record."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = measure()
    print(machine())
    for name, row in rows.items():
        low, high = row["range"]
        aim = f"   aim {AIMS[name]:g}" if name in AIMS else ""
        print(f"{name:23} {row['median']:7.3f}   [{low:.3f}, {high:.3f}] of {row['count']}{aim}")
    if options.json:
        files.write(options.json, json.dumps({"rows": rows, **machine()}, indent=1) + "\n")


def _fresh(code: str) -> float:
    return float(_output(f"import time; t = time.perf_counter(); {code}; print(time.perf_counter() - t)"))


def _output(code: str) -> str:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)  # noqa: S603 - code from this file, no shell


def _timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def _wait_for(happened: Callable[[], object]) -> None:
    until = time.perf_counter() + WAIT_SECONDS
    while not happened():
        if time.perf_counter() > until:
            raise TimeoutError(f"nothing happened within {WAIT_SECONDS:g} s")
        time.sleep(0.001)


def _summary(values: list[float]) -> dict:
    return {"median": median(values), "range": [min(values), max(values)], "count": len(values)}


if __name__ == "__main__":
    main()
