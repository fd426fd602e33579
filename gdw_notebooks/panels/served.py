"""What a page served to visitors may read: the package's own data sets, and the folders that the lecturer named."""

import os
from pathlib import Path

from gdw.data.datasets import DATASETS
from gdw.data.human_labels import PREFIX as HUMAN
from gdw.experiments.experiment import Experiment

FOLDERS = "GDW_DATA_FOLDERS"  # environment variable: folders, with the system's separator of paths between them
ONLY = "this page trains on the data sets in its Data menu only"


def is_served() -> bool:
    """Whether this kernel belongs to a page for visitors: Voilà tells it so by an environment variable."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


def named_folders() -> list[str]:
    """The folders allowed by the person who started the page, as absolute paths."""
    return [folder for folder in os.environ.get(FOLDERS, "").split(os.pathsep) if folder]


def choices() -> list[str]:
    """What the Data menu offers."""
    return [*DATASETS, *(named_folders() if is_served() else [])]


def check_data(dataset: str) -> None:
    """Refuse on a served page what the lecturer did not name, without a look at the disk.

    A path is compared letter by letter: ``..`` and links lead nowhere.

    Raises:
        ValueError: it is not a name in ``DATASETS`` and not a named folder.
    """
    if is_served() and str(dataset) not in choices():
        raise ValueError(f"{ONLY}, got {str(dataset)!r}")


def check_experiment(experiment: Experiment) -> None:
    """The same for a whole experiment: a run code can name files of labels and networks to fetch as well.

    Raises:
        ValueError: it reads something that the lecturer did not name.
    """
    check_data(experiment.dataset)
    if is_served() and isinstance(experiment.noise, str) and experiment.noise.startswith(HUMAN):
        raise ValueError(f"{ONLY}; labels from a file are not among them, got noise {experiment.noise!r}")
    if is_served() and experiment.confirmed is not None:
        raise ValueError(f"{ONLY}; tables of confirmed pictures are not among them, got {experiment.confirmed!r}")
    if is_served() and experiment.features is not None:
        raise ValueError(f"{ONLY}; features of a pretrained network are not among them, got {experiment.features!r}")


def absolute(folders: list[Path]) -> str:
    """The environment variable's value for these folders.

    Raises:
        ValueError: one is no folder, or its name has the system's separator of paths.
    """
    for folder in folders:
        if not folder.expanduser().is_dir():
            raise ValueError(f"--data needs a folder with a folder of pictures for each class, got {str(folder)!r}")
        if os.pathsep in str(folder):
            raise ValueError(f"a folder named by --data must not have {os.pathsep!r} in its path, got {str(folder)!r}")
    return os.pathsep.join(str(folder.expanduser().resolve()) for folder in folders)
