"""Builds the project as its users get it, and installs it into an environment of its own; nothing is downloaded."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]
NEEDED = ("pyproject.toml", "README.md", "LICENSE", "gdw", "gdw_notebooks", "notebooks", "benchmarks", "docs")


def build(folder: Path) -> tuple[Path, Path]:
    """The sdist, and the wheel built from that sdist; from a copy, so that the repository stays clean."""
    source, out = folder / "source", folder / "dist"
    source.mkdir()
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
        else:
            shutil.copy2(ROOT / name, source)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", out, source)
    return next(out.glob("*.tar.gz")), next(out.glob("*.whl"))


def install(wheel: Path, folder: Path) -> Path:
    """A bare environment with the wheel in it, which finds everything else in the one that runs the tests.

    Returns:
        The new environment's folder of commands.
    """
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    commands = folder / ("Scripts" if sys.platform == "win32" else "bin")
    # Installed before it sees the rest: pip finds no other gdw that it would replace.
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        commands / "python",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        wheel,
    )
    (site,) = [path for path in folder.rglob("site-packages") if path.is_dir()]
    # A line of a .pth file adds a folder at the end of the path; what .pth files in that folder say is not followed,
    # so an editable installation in it does not win over the wheel.
    (site / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    return commands


def run(*command: object, cwd: Path | None = None, **options) -> str:
    """Its output; a failure shows what it said."""
    done = subprocess.run(list(map(str, command)), cwd=cwd, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
