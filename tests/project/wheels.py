"""Installs the project as its users get it, into an environment of its own; nothing is downloaded."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


FEW_PAGES = ("site/index.html", "site/_static/a.css", "slides/slides.html")


def few_pages(package: Path) -> None:
    """In place of the site and the slides, which take minutes and have tests of their own."""
    for name in FEW_PAGES:
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text("a page", "utf-8")


def install(folder: Path, *wheels: Path) -> Path:
    """A bare environment with these wheels in it, which finds everything else in the one that runs the tests.

    Real users download the other packages; here the new environment borrows them, since they take gigabytes. Then pip
    is asked once more, with requirements: it fails if the wheels ask for a package that is not there.

    Returns:
        The new environment's folder of commands.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    commands = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip = (sys.executable, "-m", "pip", "--python", commands / "python", "install", "--quiet", "--no-index")
    # Installed before it sees the rest: pip finds no other gdw that it would replace.
    alone = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # may lead to another gdw
    run(*pip, "--no-deps", *wheels, env=alone)
    (site,) = [path for path in folder.rglob("site-packages") if path.is_dir()]
    # A line of a .pth file adds a folder at the end of the path; what .pth files in that folder say is not followed,
    # so an editable installation in it does not win over the wheel.
    (site / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    run(*pip, *wheels, env=alone)
    return commands


def run(*command: object, cwd: Path | None = None, **options) -> str:
    """Its output; a failure shows what it said."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
