"""Builds what pip installs, into dist: gdw as sdist and wheel, and gdw-course, a wheel that asks for the whole course.

python -m tools.dist          # nothing is downloaded: this Python needs gdw[course,site], build and setuptools
"""

import argparse
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[1]
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "gdw", "gdw_notebooks", "notebooks", "benchmarks", "docs")
COURSE_WHEEL = ROOT / "tools" / "course_wheel"
COURSE_PARTS = ("course", "features", "audit")  # optional parts of gdw that the notebooks use
OURS = ("gdw-*.tar.gz", "gdw-*.whl", "gdw_course-*.whl")


def build(target: Path, pages: Callable[[Path], None] | None = None) -> list[Path]:
    """Build all three files from copies, so that the repository stays clean; earlier builds in ``target`` are removed.

    Two versions of one package in the folder would make ``pip install dist/*.whl`` fail.

    Args:
        target: the folder that they are written to.
        pages: writes the folders ``site`` and ``slides`` into the copy of gdw_notebooks; by default both are built.

    Returns:
        The sdist, the wheel made from it, and the course's wheel.
    """
    for path in [path for pattern in OURS for path in target.glob(pattern)]:
        path.unlink()
    with TemporaryDirectory() as folder:
        gdw = _copy_of_gdw(Path(folder) / "gdw")
        (pages or build_pages)(gdw / "gdw_notebooks")
        _build(gdw, target)
        _build(_copy_of_course(Path(folder) / "course"), target, "--wheel")
    return [next(target.glob(pattern)) for pattern in OURS]


def build_pages(package: Path) -> None:
    """The course as pages and the lecturer's slides, which need no server: an installed course has them too."""
    for tool in ("site", "slides"):
        _run([sys.executable, "-m", f"tools.build_{tool}", "--target", str(package / tool)], tool, cwd=ROOT)
    shutil.rmtree(package / "site-source")  # of Sphinx's


def course_requirement(version: str) -> str:
    """What gdw-course asks for: gdw of the same version, with the parts that the notebooks use."""
    return f"gdw[{','.join(COURSE_PARTS)}]=={version}"


def _copy_of_gdw(folder: Path) -> Path:
    folder.mkdir()
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy2(ROOT / name, folder)
    return folder


def _copy_of_course(folder: Path) -> Path:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    shutil.copytree(COURSE_WHEEL, folder)
    shutil.copy2(ROOT / "LICENSE", folder)
    (folder / "version.txt").write_text(version, "utf-8")
    (folder / "requirements.txt").write_text(course_requirement(version) + "\n", "utf-8")
    return folder


def _build(source: Path, target: Path, *options: str) -> None:
    command = [sys.executable, "-m", "build", "--no-isolation", *options, "--outdir", str(target), str(source)]
    _run(command, source.name)


def _run(command: list[str], what: str, cwd: Path | None = None) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)  # noqa: S603 - this Python and our own folders, no shell
    if done.returncode:
        raise RuntimeError(f"{what} could not be built:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def main() -> None:
    """Parse, build, say what was made."""
    parser = argparse.ArgumentParser(description="Build what pip installs: gdw, and gdw-course beside it.")
    parser.add_argument("--target", type=Path, default=ROOT / "dist")
    for path in build(parser.parse_args().target):
        print(path)


if __name__ == "__main__":
    main()
