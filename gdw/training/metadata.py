"""How a record was made: versions, machine, engine, and the commit of the source where there is one."""

import platform
import subprocess
from datetime import datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import attrs
import numpy
import torch

from gdw.training.experiment import Experiment

ROOT = Path(__file__).parents[2]  # of the source, where gdw is not installed from a wheel
GIT_SECONDS = 10  # longer than git ever needs; a run must not wait for a network drive


def how_made(experiment: Experiment, device: torch.device) -> dict:
    """What a History says of how its numbers were made: plain values, never part of equality."""
    made = {
        "device": str(device), "host": platform.machine(), "system": platform.system(),
        "python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__,
        "gdw": package_version(), "date": datetime.now().isoformat(timespec="seconds"),
        "engine": attrs.asdict(experiment.engine),
    }  # fmt: skip
    if device.type == "cuda":
        made["gpu"] = torch.cuda.get_device_name(device)
    return made | ({"commit": commit()} if commit() else {})


@cache
def package_version() -> str:
    """The installed version of gdw; "not installed" for a folder on the path."""
    try:
        return version("gdw")
    except PackageNotFoundError:
        return "not installed"


@cache
def commit() -> str | None:
    """The git commit of the source, with ``-dirty`` after it where files were changed; None without git.

    Asked once for each process, and only in a folder that is the package's own: a project that has gdw installed
    somewhere inside has another history.
    """
    if not ((ROOT / ".git").exists() and (ROOT / "pyproject.toml").exists()):
        return None
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)  # noqa: S603 - fixed arguments, no shell
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
