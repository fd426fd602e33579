"""What a student feels, in seconds: ``python -m benchmarks.live --json FILE``.

Import time over torch's own; from Train to the first curve, in a fresh process and the second time; a whole digits run;
how long Stop takes; a picture; a live run over a bare one. Each figure is a median of several measurements, with their
range beside it.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from benchmarks.measure import machine

IMPORTS, RUNS, STOPS, PICTURES, WARM_STARTS = 7, 5, 10, 10, 5  # how often each is measured
WAIT_SECONDS = 60.0  # for something that should take less than one
METHODS = ("gdw", "mwnet", "cross-entropy")
COLD_START = "from benchmarks.live import Lab; print(Lab().seconds_to_first_curve())"


class Lab:
    """A TrainingLab as the notebook has it, with a hand on its buttons and an eye on its picture."""

    def __init__(self):
        from gdw_notebooks.panels.training_lab import TrainingLab

        self.lab = TrainingLab()
        self.pictures: list[float] = []
        self.lab.picture.observe(lambda change: self.pictures.append(time.perf_counter()), names="views")

    def seconds_to_first_curve(self) -> float:
        """From the press of Train to the first picture that shows an epoch."""
        self.pictures.clear()
        pressed = time.perf_counter()
        self.lab.train.click()
        _wait_for(lambda: any(len(history) for history in self.lab.histories) and self.pictures)
        shown = time.perf_counter() - pressed
        self.stop()
        return shown

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

    def pictures_per_second(self) -> float:
        """While two methods train."""
        self.pictures.clear()
        self.lab.train.click()
        _wait_for(lambda: not self.lab.session.busy)
        return (len(self.pictures) - 1) / (self.pictures[-1] - self.pictures[0])

    def live_over_bare(self) -> float:
        """A live run of two methods, drawn while it trains, over the same two in a session that draws nothing."""
        from gdw_notebooks.panels.session import Session

        experiments = self.lab.controls.experiments()
        bare = _timed(lambda: Session().run(experiments))
        begun = time.perf_counter()
        self.lab.train.click()
        self.lab.session.join()
        return (time.perf_counter() - begun) / bare

    def seconds_to_redraw(self) -> float:
        begun = time.perf_counter()
        self.lab.redraw()
        return time.perf_counter() - begun


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
    lab.seconds_to_first_curve()  # the first in this process is not warm
    values = {
        "import_over_torch": import_over_torch(),
        "first_curve_cold": [float(_output(COLD_START)) for _ in range(3)],
        "first_curve_warm": [lab.seconds_to_first_curve() for _ in range(WARM_STARTS)],
        "stop": [lab.seconds_to_stop(after=0.1 * turn) for turn in range(STOPS)],
        "redraw": [lab.seconds_to_redraw() for _ in range(PICTURES)],
        "live_over_bare": [lab.live_over_bare() for _ in range(RUNS)],
        "pictures_per_second": [lab.pictures_per_second()],
        **{f"digits_{method.replace('-', '_')}": digits_run(method) for method in METHODS},
        "digits_gdw_captured": digits_run("gdw", capture=True),
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
        print(f"{name:22} {row['median']:7.3f}   [{low:.3f}, {high:.3f}] of {row['count']}")
    if options.json:
        options.json.write_text(json.dumps({"rows": rows, **machine()}, indent=1) + "\n", "utf-8")


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
