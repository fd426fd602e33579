"""Sets up, starts and tests the course: the same commands on Linux, macOS and Windows.

    python start.py lab        # python start.py --help lists the commands

The first command makes .venv, which takes some minutes. Only the standard library is used here, and only what an old
Python can read, so that it gets a sentence instead of a syntax error. The Makefile calls this file.
"""

import argparse
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
READY = VENV / ".ready"  # as new as the last finished installation
ASKED_FOR = ("pyproject.toml", "constraints.txt")
EXTRAS = "course,features,audit,dicom,dask,site,test"
INSTALL = "-m pip install --quiet --disable-pip-version-check --no-compile --constraint constraints.txt --editable"
COMPILE = "import compileall, site; compileall.compile_dir(site.getsitepackages()[-1], quiet=2, workers=0)"  # all cores
OLDEST, NEWEST = (3, 11), (3, 14)
LEFT_BEHIND = ("build", "dist", ".pytest_cache", ".ruff_cache", ".mypy_cache", ".hypothesis")

FIRST = "notebooks/00_start_here.ipynb"
AT_ONCE = "-n 3 --dist loadscope --no-loadscope-reorder"  # one more than small machines have cores: many tests wait

# What each command does, for --help, and what it runs, with the environment's Python and in the repository's folder.
COMMANDS = {
    "lab": ("JupyterLab on the first notebook", ["-m jupyterlab --allow-root " + FIRST]),
    "demo": ("the classroom page, without code; takes --port and the like", ["-m gdw_notebooks demo"]),
    "test": (
        "unit tests, all notebooks, one of them as on another processor, and the pages in a real browser",
        ["-m pytest --nbval --nbval-sanitize-with tests/nbval_sanitize.cfg " + AT_ONCE + " tests notebooks"],
    ),
    "lint": (
        "the code's style and types, which way imports run, and the panels' JavaScript where TypeScript is installed",
        ["-m ruff check", "lint-imports", "-m mypy", "-m tools.javascript"],
    ),
    "soak": ("what the package survives: a long check, about 25 minutes; --short is quick", ["-m tools.soak"]),
    "notebooks": ("build the notebooks from their sources: all, or 01 03", ["-m tools.build_notebooks"]),
    "site": ("the course as a static folder, build/site", ["-m tools.build_site"]),
    "dist": ("what pip installs: sdist and wheels with the site and the slides, in dist", ["-m tools.dist"]),
    "slides": ("the lecturer's slides, HTML and PDF, in build/slides", ["-m tools.build_slides"]),
    "setup": ("only make .venv with everything in it", []),
    "clean": ("remove .venv and what builds and tests leave", []),
}
TAKES_NAMES = ("demo", "soak", "notebooks", "site")


class Failed(Exception):
    """A sentence for the user; the command ends with status 2."""


def supported(version):
    """Whether gdw runs on this version of Python, a pair as in ``(3, 12)``."""
    return OLDEST <= tuple(version) <= NEWEST


def from_venv(name):
    """A program of the environment, where this system puts it."""
    return VENV.joinpath("Scripts", name + ".exe") if os.name == "nt" else VENV.joinpath("bin", name)


def run(line, names=(), last=False):
    """One line of the table, a program of the environment or arguments for its Python; a failure ends everything.

    The last one takes the place of this process, so that a signal reaches it; on Windows this process waits for it.
    """
    words = [*shlex.split(line), *names]
    program = "python" if words[0].startswith("-") else words.pop(0)
    command = [str(from_venv(program)), *words]
    if last and os.name != "nt":
        os.chdir(str(ROOT))
        os.execv(command[0], command)  # noqa: S606 - no shell; names come from the user's own command line
    status = subprocess.call(command, cwd=str(ROOT))  # noqa: S603 - as above
    if status:
        sys.exit(status)


def find_python():
    """A Python from 3.11 to 3.14: the one that runs this file, or else another that this system finds."""
    if supported(sys.version_info[:2]):
        return [sys.executable]
    minors = range(NEWEST[1], OLDEST[1] - 1, -1)
    named = [["py", "-3." + str(minor)] for minor in minors] if os.name == "nt" else []
    named += [*(["python3." + str(minor)] for minor in minors), ["python3"], ["python"]]
    for command in named:
        if shutil.which(command[0]) and _version_of(command) and supported(_version_of(command)):
            return command
    raise Failed(
        f"gdw needs Python 3.11 to 3.14; this is Python {sys.version.split()[0]} and no other was found. "
        f"Install one and run this file with it, as in: python3.12 start.py {' '.join(sys.argv[1:]) or 'lab'}"
    )


def _version_of(command):
    asks = "import sys; print(sys.version_info[0], sys.version_info[1])"
    try:
        answer = subprocess.check_output([*command, "-c", asks], stderr=subprocess.DEVNULL)  # noqa: S603 - names of Pythons from find_python, no shell
        return tuple(int(number) for number in answer.decode("ascii").split())
    except (OSError, ValueError, subprocess.CalledProcessError):  # a launcher without that version
        return None


def _has_pip():
    asks = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    python = from_venv("python")
    return python.exists() and subprocess.call([str(python), "-m", "pip", "--version"], **asks) == 0  # noqa: S603 - fixed arguments, no shell


def is_ready():
    """Whether the last installation finished, and after the last change of what the project asks for."""
    return READY.exists() and all(READY.stat().st_mtime >= (ROOT / name).stat().st_mtime for name in ASKED_FOR)


def setup():
    """Make .venv and install the tested versions in it; nothing to do where that is done."""
    if is_ready():
        return
    if not _has_pip() and subprocess.call([*find_python(), "-m", "venv", "--clear", str(VENV)]) != 0:  # noqa: S603 - a Python that find_python named, no shell
        raise Failed("Python could not make .venv. On Debian and Ubuntu the package python3-venv is needed for that.")
    print("Installing into .venv; the first time takes some minutes.", flush=True)
    run(INSTALL, [".[" + EXTRAS + "]"])
    run("-c", [COMPILE])
    READY.touch()


def clean():
    """Remove .venv and what builds and tests leave; the notebooks stay as they are."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        raise Failed("This Python runs from .venv and cannot remove it: use another, as in: python3 start.py clean")
    for folder in [VENV, *(ROOT / name for name in LEFT_BEHIND), *ROOT.glob("*.egg-info")]:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(str(folder))


def main(arguments=None):
    """Parse, run; returns the exit status."""
    parser = argparse.ArgumentParser(
        description="Set up, start and test the course.",
        epilog="\n".join("  {:10} {}".format(name, does) for name, (does, _) in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=sorted(COMMANDS))
    options, names = parser.parse_known_args(arguments)
    if names and options.command not in TAKES_NAMES:
        parser.error("{} takes nothing after it, got {}".format(options.command, " ".join(names)))
    try:
        if options.command == "clean":
            clean()
        else:
            setup()
        lines = COMMANDS[options.command][1]
        for line in lines:
            run(line, names, last=line is lines[-1])
    except Failed as failed:
        sys.stderr.write(f"start.py: {failed}\n")
        return 2
    except KeyboardInterrupt:  # the way to end a server
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
