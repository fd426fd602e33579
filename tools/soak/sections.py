"""The sections of the long check. Each is a function of ``short`` that gives one row."""

import gc
import logging
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import psutil

from tools.soak.fuzzing import fuzzed
from tools.soak.row import Row

METHODS_KILLED = ("gdw", "co-teaching", "insw", "mwnet", "glc")
KILLS_EACH, SHORT_KILLS_EACH = 10, 1
REAL_PRESSES, INSTANT_PRESSES, SHORT_PRESSES = 2_000, 8_000, 60
RUNS, SHORT_RUNS, WARM_UP = 200, 30, 20  # runs in one session; the first ones fill caches and are left out
LEAK_BOUND = 50_000  # bytes a run: a session of 1,000 runs grows by 50 MB at most
SHORT_LEAK_BOUND = 2_000_000  # ten runs after the warm-up show only a large leak
PAGES, SHORT_PAGES = 12, 2  # visits of the classroom page


def killed(short: bool, methods: Sequence[str] = METHODS_KILLED) -> Row:
    """SIGKILL at random moments; the run goes on from its checkpoint and ends bit for bit like an unbroken one."""
    from tests.trust.killing import survives, tiny

    name = "SIGKILL in the middle of a run"
    if not hasattr(signal, "SIGKILL"):
        return Row(name, 0, 0, "this system has no SIGKILL")
    moments = SHORT_KILLS_EACH if short else KILLS_EACH
    good = []
    for method in methods:
        with tempfile.TemporaryDirectory() as folder:
            good.append(survives(tiny(method), moments, Path(folder), seed=len(method)))
    broken = [method for method, survived in zip(methods, good, strict=True) if not survived]
    note = f"other numbers: {', '.join(broken)}" if broken else "History and parameters the same, bit for bit"
    return Row(name, moments * len(methods), moments * sum(good), f"{note}; {', '.join(methods)}")


def pressed(short: bool) -> Row:
    """Random presses with a trainer that takes no time."""
    return _pressed("random presses, the trainer takes no time", SHORT_PRESSES if short else INSTANT_PRESSES, False)


def really_pressed(short: bool) -> Row:
    """Random presses with real training."""
    return _pressed("random presses with real training", SHORT_PRESSES if short else REAL_PRESSES, True)


def _pressed(name: str, presses: int, really: bool) -> Row:
    from tests.panels.presses import press_at_random

    logging.disable(logging.WARNING)  # runs that are set to fail say so
    try:
        made = press_at_random(presses, really)
    finally:
        logging.disable(logging.NOTSET)
    numbers = "the last run of each example has gdw.run's numbers; " if really else ""
    note = f"{numbers}two threads, two tabs; no control dead, no thread left"
    return Row(name, made, made, note)


def remembered(short: bool) -> Row:
    """Many runs of one lab with its pictures, in a process of its own: how much memory each leaves behind."""
    runs, bound = (SHORT_RUNS, SHORT_LEAK_BOUND) if short else (RUNS, LEAK_BOUND)
    with get_context("spawn").Pool(1) as pool:
        slope = bytes_a_run(pool.apply(_memory_after_each_run, (runs,)))
    note = f"{slope:,.0f} bytes a run (bound {bound:,})"
    return Row("runs in one session, memory left behind", runs, runs if slope <= bound else 0, note)


def bytes_a_run(memory: Sequence[int]) -> float:
    """Slope of the least-squares line through the memory after each run, without the first 20 runs; in bytes."""
    later = np.array(memory[WARM_UP:], dtype=float)
    return float(np.polyfit(np.arange(len(later)), later, 1)[0])


def _memory_after_each_run(runs: int) -> list[int]:
    from gdw.experiments.experiment import Experiment
    from gdw_notebooks.panels.training_lab import TrainingLab

    lab = TrainingLab(Experiment(dataset="clouds", rate=0.4, epochs=2, device="cpu"))
    process, memory = psutil.Process(), []
    for _ in range(runs):
        lab.run()
        gc.collect()
        memory.append(process.memory_info().rss)
    return memory


def visited(short: bool) -> Row:
    """Pages of the real server in a real browser: closed, left, reloaded; every second one in the middle of a run."""
    from playwright.sync_api import sync_playwright

    from benchmarks.classroom import END_SECONDS, FLAGS, kernels_left, open_page, serve

    visits, ended, slowest = SHORT_PAGES if short else PAGES, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        server, address = serve(Path(folder) / "server.log")
        try:
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
                for number in range(visits):
                    page, _ = open_page(browser, address)
                    if number % 2:
                        _train(page)
                    _leave(page, number)
                    left, seconds = kernels_left(psutil.Process(server.pid))
                    ended += left == 0
                    slowest = max(slowest, seconds)
                browser.close()
        finally:
            server.terminate()
            server.wait(END_SECONDS)
    note = f"kernels left: {left}; the slowest ended {slowest:.1f} s after its page"
    return Row("visits of the classroom page, kernels left", visits, ended, note)


def _leave(page, number: int) -> None:
    """Close it: in turn from another address, after it was loaded again, and as it is."""
    if number % 3 == 0:
        page.goto("about:blank")
    elif number % 3 == 1:
        page.reload()
        page.locator(PICTURE).first.wait_for(timeout=60_000)
    page.close()


def _train(page) -> None:
    """Start a run too long to end by itself, and wait for its first epoch."""
    page.get_by_role("button", name="More", exact=True).locator("visible=true").click()
    epochs = page.get_by_label("Epochs", exact=True)
    epochs.fill("2000")
    epochs.press("Enter")
    page.get_by_role("button", name="Train", exact=True).locator("visible=true").click()
    page.get_by_role("status").filter(has_text="of 2000").first.wait_for(timeout=60_000)


# Each with its plain explanation for docs/reliability.md.
SECTIONS: dict[Callable[[bool], Row], str] = {
    killed: """A run is ended with SIGKILL at a random moment, as a crash or a power cut would end it: in a step, at the
end of an epoch, or while a checkpoint is written. A new process continues from the last checkpoint. The run survives if
its History and all its parameters are equal, bit for bit, to those of an uninterrupted run.""",
    really_pressed: """Buttons and controls of the training lab are used in random order: from one thread, from two
threads at once, and from two browser tabs on one kernel at once. Each press of Train really trains. After at most 50
random actions a last run must end with exactly the numbers of `gdw.run`.""",
    pressed: """The same with a trainer that takes no time and fails for some seeds, so that many more orders are tried.
There are never two runs in one session, no button stops working, no function of a button fails, and no thread is
left.""",
    fuzzed: """Random text, bytes, JSON, tables, folders and numbers go into each public entry; files that were right
are damaged at random places. A case survives if it gives a valid result, or is refused by one sentence of ours. Where
there is a file, the sentence names it.""",
    remembered: """One training lab trains again and again in one process, with its pictures. After each run the garbage
is collected and the memory of the process is read. The first 20 runs fill caches and are left out. A straight line
through the others gives the bytes that a run leaves behind.""",
    visited: """The real server is visited with a real browser. Pages are closed, left and reloaded, every second one in
the middle of a run. A visit survives if no kernel is left within 30 seconds.""",
}


def run(section: Callable[[bool], Row], short: bool) -> tuple[Row, float]:
    """The section's row and its seconds. A section that raises is a row that did not survive; the others go on."""
    started = time.perf_counter()
    try:
        row = section(short)
    except Exception as error:
        first = (str(error).strip() or "it says no more").splitlines()[0]
        row = Row(section.__name__, 1, 0, f"{type(error).__name__}: {first}")
    return row, time.perf_counter() - started
