"""What a record says of the run it came from: the experiment, versions, machine, engine, the source's commit."""

import platform
import re
import subprocess
from datetime import datetime
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import attrs
import numpy
import torch
from torch import nn
from torch.nn.parameter import is_lazy

from gdw.cache import digest, file_stamp
from gdw.data.dataset import Dataset
from gdw.data.task import Task
from gdw.experiments.experiment import OWN, Experiment
from gdw.experiments.loading import origin_of
from gdw.methods.base import Method
from gdw.methods.plugins import REGISTRIES
from gdw.registry import Place

ROOT = Path(__file__).parents[2]  # of the source, where gdw is not installed from a wheel
SHOWN = 6  # digits of a digest
GIT_SECONDS = 10  # longer than git ever needs; a run must not wait for a network drive


def config_of_run(
    experiment: Experiment,
    dataset: Dataset | None = None,
    task: Task | None = None,
    model: nn.Module | None = None,
    method: Method | None = None,
) -> dict[str, Any]:
    """``experiment.config()``; names of objects that were given instead of what it names are under ``"own"``.

    A data set's has a digest of its files, where it is of files, a model's one of its layers: others of the same name
    are others.

    Such a config cannot be turned into the run again: ``from_config`` refuses it. ``dataset`` is what was trained on;
    the one that the experiment names is no other.
    """
    config, own = experiment.config(), {}
    if dataset is not None and dataset.origin != origin_of(experiment):
        config["dataset"] = dataset.name
        own["dataset"] = " ".join(filter(None, (dataset.name, _digest_of(dataset))))
    if task is not None:
        own["task"] = f"{len(task.train)} images of {task.num_classes} classes"
    if model is not None:
        config["model"] = type(model).__name__
        known = [(name, value) for name, value in model.named_parameters() if not is_lazy(value)]
        shapes = [(name, tuple(value.shape)) for name, value in known]
        layers = re.sub(r" at 0x[0-9a-f]+", "", f"{model} {shapes}")  # of a function that a layer names
        own["model"] = f"{config['model']} {digest(layers.encode()).hex()[:SHOWN]}"
    if method is not None:
        own["method"] = config["method"] = method.name or type(method).__name__
        settings = {name: getattr(method, name, None) for name in type(method).settings()}  # kept under these names
        config["settings"] = {name: s for name, s in settings.items() if isinstance(s, (bool, int, float, str))}
    return config | ({OWN: own} if own else {})


def _digest_of(dataset: Dataset) -> str:
    """Of its files, or of their paths and labels; nothing of data that are in no files: their name is the author's."""
    files = dataset.paths and f"{dataset.paths} {dataset.labels.tolist()}"
    return (dataset.content or (digest(files.encode()).hex() if files else ""))[:SHOWN]


def own_code(experiment: Experiment) -> dict[str, Place]:
    """Of the method, network, data set and noise that it names: where those are from that are not of this package."""
    found = {}
    for field, known in REGISTRIES.items():
        name = getattr(experiment, field)
        if isinstance(name, str) and name in known and known.place(name).is_own:
            found[f"{field} {name}"] = known.place(name)
    return found


def weights_of(experiment: Experiment) -> str | None:
    """A hash of the file of weights that a network starts from, read once in a process; None without one."""
    file = Path(str(experiment.pretrained)).expanduser()
    if experiment.pretrained is None or not file.is_file():
        return None
    stamp, is_settled = file_stamp(file)
    return (_hash_of if is_settled else _hash_of.__wrapped__)(file, stamp)


@lru_cache(maxsize=64)
def _hash_of(file: Path, stamp: bytes) -> str:
    return digest(file.read_bytes()).hex()


def how_made(experiment: Experiment, device: torch.device) -> dict[str, Any]:
    """What a History says of how its numbers were made: plain values, never part of equality."""
    made = {
        "device": str(device), "host": platform.machine(), "system": platform.system(),
        "python": platform.python_version(), "torch": torch.__version__, "numpy": numpy.__version__,
        "gdw": package_version(), "date": datetime.now().isoformat(timespec="seconds"),
        "engine": attrs.asdict(experiment.engine),
    }  # fmt: skip
    if device.type == "cuda":
        made["gpu"] = torch.cuda.get_device_name(device)
    if own := {name: place._asdict() for name, place in own_code(experiment).items()}:
        made["own_code"] = own
    if weights := weights_of(experiment):
        made["weights"] = weights
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
