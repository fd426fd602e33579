"""Says what this machine has and what is missing, and makes one short run."""

import argparse
import sys

import gdw
from gdw_notebooks.course import machine
from gdw_notebooks.recorded import places

HELP = "what this machine has, what is missing, and one short run"


def add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--no-run", action="store_true", help="leave the short run out")


def main(options: argparse.Namespace) -> int:
    """Print a line for each check; status 1 if one failed."""
    checks = [*machine.software(("torch", "torchvision", "numpy", "pandas", "scikit-learn")), *machine.parts()]
    checks += [*machine.room(), course(), *pages()]
    checks += [] if options.no_run else [machine.trial()]
    print(f"gdw {gdw.__version__}, {places.PACKAGE}")
    for mark, words in checks:
        print(f"{_printable(mark)} {words}")
    failed = sum(mark == machine.FAILED for mark, _ in checks)
    print(f"Failed: {failed} of {len(checks)}, see {_printable(machine.FAILED)} above." if failed else "Ready.")
    return 1 if failed else 0


def course() -> machine.Check:
    """Whether the notebooks and recorded runs came with the package."""
    notebooks = len(list(places.notebooks().glob("*.ipynb")))
    recorded = len(list((places.notebooks() / "histories").glob("*.json")))
    results = len(list(places.standing().glob("*.csv")))
    mark = machine.DONE if notebooks and recorded and results else machine.FAILED
    return mark, f"Course: {notebooks} notebooks, {recorded} recordings, {results} tables of results"


def pages() -> list[machine.Check]:
    """Where the pages are that open in a browser without a server and without a network."""
    found = {"Course as pages": places.site() / "index.html", "Slides": places.slides() / "slides.html",
             "For lecturers": places.docs() / "teaching" / "README.md"}  # fmt: skip
    return [(machine.DONE, f"{what}: {path}") for what, path in found.items() if path.exists()]


def _printable(mark: str) -> str:
    """A tick, or a letter where the console cannot print one, as on Windows with an old code page."""
    try:
        mark.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return {machine.DONE: "+", machine.WAITING: "o", machine.FAILED: "x"}[mark]
    return mark
