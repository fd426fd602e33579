"""Which data an experiment is about: what its files hold, wherever they are."""

import hashlib
import os
from pathlib import Path
from typing import Any, TypeGuard

from gdw import files
from gdw.cache import content_of_files
from gdw.data import human_labels
from gdw.data.dataset import Dataset
from gdw.data.datasets import DATASETS, folder_of
from gdw.data.folder import list_folder
from gdw.experiments.fields import Data

DIGITS = 16  # hexadecimal, of the content of a run's files


def content_of(data: Data, dataset: Dataset | None = None) -> str | None:
    """A hash of all files that a run reads: the pictures of a folder, a table of labels, confirmed pictures.

    None for data without files, and where one is missing or cannot be read. ``dataset`` is what ``data`` names, if that
    has been read: its pictures are not looked at again.
    """
    parts, tables = list[str](), places_of(data)
    folder = tables.pop("dataset", None)
    try:
        if folder is not None:
            known = None if dataset is None else dataset.content
            parts.append(known or content_of_files(folder, list_folder(folder).files))
        parts += [hashlib.blake2b(table.read_bytes()).hexdigest() for table in tables.values()]
    except (OSError, ValueError):  # reading the data says why
        return None
    return hashlib.blake2b(" ".join(parts).encode(), digest_size=DIGITS // 2).hexdigest() if parts else None


def is_folder(name: str) -> bool:
    """Whether a data set's name stands for a folder of pictures."""
    return name not in DATASETS or name == "cifar10-folder"


def places_of(data: Data) -> dict[str, Path]:
    """Where its files are, by the field that says so; absolute."""
    found = {"dataset": folder_of(data.dataset)} if is_folder(data.dataset) else {}
    if _is_table(data.noise):
        found["noise"] = human_labels.parse(data.noise)[0]
    if data.confirmed:
        found["confirmed"] = files.user_path(data.confirmed)
    return {name: Path(os.path.abspath(path)) for name, path in found.items()}  # noqa: PTH100 - ".." goes, links stay


def by_content(config: dict[str, Any]) -> dict[str, Any]:
    """A config in which the content of the files stands in place of their names, where it is known."""
    return without_places(config) | {"content": config["content"]} if config.get("content") else config


def without_places(config: dict[str, Any]) -> dict[str, Any]:
    """A config in which no file has a name: of a table of labels its column is left. The content is left out too."""
    found = {name: value for name, value in config.items() if name != "content"}
    if is_folder(config["dataset"]):
        found["dataset"] = ""
    if _is_table(config["noise"]):
        found["noise"] = f"{human_labels.PREFIX}:{human_labels.parse(config['noise'])[1] or ''}"
    return found | ({"confirmed": ""} if config.get("confirmed") else {})


def _is_table(noise: object) -> TypeGuard[str]:
    return isinstance(noise, str) and noise.startswith(human_labels.PREFIX)
