"""Sets up, starts and tests the course: the same commands on Linux, macOS and Windows.

    python start.py lab                  JupyterLab on the first notebook
    python start.py demo                 the classroom page, without code
    python start.py test                 unit tests, all notebooks, and the pages in a real browser
    python start.py soak                 what the package survives: a long check, about 25 minutes; --short is quick
    python start.py notebooks [01 ...]   build the notebooks from their sources
    python start.py site                 the course as a static folder, build/site
    python start.py dist                 what pip installs: sdist and wheels, in dist
    python start.py slides               the lecturer's slides, HTML and PDF, in build/slides
    python start.py lint                 the code's style
    python start.py setup                only make .venv with everything in it
    python start.py clean                remove .venv and what builds and tests leave

The first command of them makes .venv, which takes some minutes. Only the standard library is used here, and only what
an old Python can read, so that it gets a sentence instead of a syntax error. The Makefile calls this file.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
READY = VENV / ".ready"  # as new as the last finished installation
ASKED_FOR = ("pyproject.toml", "constraints.txt")
EXTRAS = "course,features,audit,dask,site,test"
OLDEST, NEWEST = (3, 11), (3, 14)

FIRST = "notebooks/00_start_here.ipynb"
PORTABLE = FIRST  # also run with torch's plain instructions, as on another processor
LEFT_BEHIND = ("build", "dist", ".pytest_cache", ".ruff_cache", ".hypothesis")
NBVAL = ["-m", "pytest", "--nbval", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]
JAVASCRIPT = "gdw_notebooks/*/**/*.js"
TYPE_CHECK = [
    "--noEmit", "--allowJs", "--checkJs", "--strict", "--target", "es2022", "--module", "es2022",
    "--moduleResolution", "bundler", "--lib", "es2022,dom,dom.iterable",
]  # fmt: skip
TWO_AT_ONCE = ["-n", "2", "--dist", "loadscope"]


class Failed(Exception):
    """A sentence for the user; the command ends with status 2."""


def supported(version):
    """Whether gdw runs on this version of Python, a pair as in ``(3, 12)``."""
    return OLDEST <= tuple(version) <= NEWEST


def venv_python():
    """The environment's Python, where this system puts it."""
    return VENV.joinpath(*(("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")))


def run(*arguments, **environment):
    """One command with the environment's Python, in the repository's folder; a failure ends everything."""
    command = [str(venv_python()), *arguments]
    status = subprocess.call(command, cwd=str(ROOT), env=dict(os.environ, **environment))  # noqa: S603 - no shell; names come from the user's own command line
    if status:
        sys.exit(status)


def find_python():
    """A Python from 3.11 to 3.14: the one that runs this file, or else another that this system finds."""
    if supported(sys.version_info[:2]):
        return [sys.executable]
    minors = range(NEWEST[1], OLDEST[1] - 1, -1)
    named = [["py", f"-3.{minor}"] for minor in minors] if os.name == "nt" else []
    named += [*([f"python3.{minor}"] for minor in minors), ["python3"], ["python"]]
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
    return (
        venv_python().exists()
        and subprocess.call(  # noqa: S603 - fixed arguments, no shell
            [str(venv_python()), "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        == 0
    )


def is_ready():
    """Whether the last installation finished, and after the last change of what the project asks for."""
    return READY.exists() and all(READY.stat().st_mtime >= (ROOT / name).stat().st_mtime for name in ASKED_FOR)


def setup(options):
    """Make .venv and install the tested versions in it; nothing to do where that is done."""
    if is_ready():
        return
    if not _has_pip() and subprocess.call([*find_python(), "-m", "venv", "--clear", str(VENV)]) != 0:  # noqa: S603 - a Python that find_python named, no shell
        raise Failed("Python could not make .venv. On Debian and Ubuntu the package python3-venv is needed for that.")
    print("Installing into .venv; the first time takes some minutes.", flush=True)
    run(
        "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", "constraints.txt",
        "--editable", f".[{EXTRAS}]",
    )  # fmt: skip
    READY.touch()


def lab(options):
    """Open JupyterLab on the first notebook."""
    setup(options)
    # In a container one is root, and JupyterLab wants to be told that this is meant.
    as_root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    run("-m", "jupyterlab", *as_root, FIRST)


def demo(options):
    """Serve the classroom page without code."""
    setup(options)
    run("-m", "gdw_notebooks", "demo", *options.names)


def test(options):
    """Unit tests, strict nbval of every notebook, once more with plain instructions, and the pages in a browser."""
    setup(options)
    run("-m", "pytest", *TWO_AT_ONCE, "-m", "not browser")
    run(*NBVAL, *TWO_AT_ONCE, "notebooks")
    run(*NBVAL, PORTABLE, ATEN_CPU_CAPABILITY="default")
    run("-m", "pytest", "-m", "browser")


def soak(options):
    """Try what the package survives, and print the table; the names after it go to tools/soak."""
    setup(options)
    run("-m", "tools.soak", *options.names)


def notebooks(options):
    """Build all notebooks, or those whose names start so."""
    setup(options)
    run("-m", "tools.build_notebooks", *options.names)


def site(options):
    """Build the course as a static folder, build/site, that needs no server and no network."""
    setup(options)
    run("-m", "tools.build_site", *options.names)


def dist(options):
    """Build what pip installs, into dist: gdw, and gdw-course, which asks for everything that the course needs."""
    setup(options)
    run("-m", "tools.dist")


def slides(options):
    """Make the lecturer's slides: build/slides/slides.html, and slides.pdf where a Chromium is."""
    setup(options)
    run("-m", "tools.build_slides")


def lint(options):
    """Check the code's style, and the JavaScript's types where TypeScript is installed."""
    setup(options)
    run("-m", "ruff", "check")
    check_javascript()


def find_typescript():
    """The command of TypeScript's compiler, or None; nothing is downloaded."""
    if shutil.which("tsc"):
        return [shutil.which("tsc")]
    npx = shutil.which("npx")
    if npx is None:
        return None
    command = [npx, "--no-install", "tsc"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return command if subprocess.call([*command, "--version"], cwd=str(ROOT), **quiet) == 0 else None  # noqa: S603 - npx and fixed words, no shell


def check_javascript():
    """Check the types of the JavaScript, or say in one line that this was skipped."""
    typescript = find_typescript()
    if typescript is None:
        print("The JavaScript check was skipped: it needs TypeScript (tsc), which was not found.", flush=True)
        return
    files = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(JAVASCRIPT))
    status = subprocess.call([*typescript, *TYPE_CHECK, *files], cwd=str(ROOT))  # noqa: S603 - tsc and the repository's own files, no shell
    if status:
        sys.exit(status)


def clean(options):
    """Remove .venv and what builds and tests leave; the notebooks stay as they are."""
    if Path(sys.prefix).resolve() == VENV.resolve():
        raise Failed("This Python runs from .venv and cannot remove it: use another, as in: python3 start.py clean")
    for folder in [VENV, *(ROOT / name for name in LEFT_BEHIND), *ROOT.glob("*.egg-info")]:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(str(folder))


# Each with what it does; names after the command go to those that take them.
COMMANDS = {
    "lab": lab, "demo": demo, "test": test, "soak": soak, "notebooks": notebooks, "site": site, "dist": dist,
    "slides": slides, "lint": lint, "setup": setup, "clean": clean,
}  # fmt: skip
TAKES_NAMES = ("demo", "soak", "notebooks", "site")


def main(arguments=None):
    """Parse, run; returns the exit status."""
    parser = argparse.ArgumentParser(
        description="Set up, start and test the course.",
        epilog="\n".join(f"  {name:10} {task.__doc__}" for name, task in COMMANDS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=sorted(COMMANDS))
    options, options.names = parser.parse_known_args(arguments)
    if options.names and options.command not in TAKES_NAMES:
        parser.error(f"{options.command} takes nothing after it, got {' '.join(options.names)}")
    try:
        COMMANDS[options.command](options)
    except Failed as failed:
        sys.stderr.write(f"start.py: {failed}\n")
        return 2
    except KeyboardInterrupt:  # the way to end a server
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
