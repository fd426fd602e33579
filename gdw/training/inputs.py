"""The data set that an experiment names: loaded, and turned into features if it asks for them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from gdw.data.confirmed import confirmed_of
from gdw.data.dataset import Dataset
from gdw.data.datasets import load_dataset
from gdw.data.label_table import read_table
from gdw.training.experiment import Experiment


def source_of(experiment: Experiment) -> tuple:
    """``Dataset.source`` of the data set that the experiment names: the fields that decide which one it is."""
    e = experiment
    return (e.dataset, e.image_size, *((e.features, e.features_size, e.mirrored) if e.features else ()))


def confirmed_in(experiment: Experiment, dataset: Dataset) -> dict[int, int] | None:
    """The pictures that the experiment's table confirms: place in the data set to class number; None without a table.

    Raises:
        ValueError, FileNotFoundError: as :func:`gdw.data.confirmed.read_confirmed` does.
    """
    return None if experiment.confirmed is None else confirmed_of(experiment.confirmed, dataset)


def dataset_of(
    experiment: Experiment, dataset: Dataset | None = None, progress: Callable[[int, int], None] | None = None
) -> Dataset:
    """What the experiment trains on, before any split.

    Args:
        dataset: one of your own instead of the one that it names, or one that this function gave for another
            experiment with the same ``source_of``, which is returned as it is.
        progress: called with (pictures done, pictures in all) while features are computed.

    Raises:
        ValueError, FileNotFoundError: as ``load_dataset`` and ``with_features`` do.
    """
    e = experiment
    if dataset is not None and dataset.source == source_of(e):
        return dataset
    if e.confirmed is not None:
        read_table(Path(e.confirmed).expanduser())  # a wrong one is named before any work
    if e.features is None:
        return dataset or load_dataset(e.dataset, image_size=e.image_size)
    from gdw.data.features import with_features
    from gdw.data.pretrained import own_size

    seen_at = e.features_size or own_size(e.features)
    found = dataset or load_dataset(e.dataset, image_size=e.image_size, seen_at=seen_at)
    confirmed_in(e, found)  # likewise: features take minutes
    made = with_features(
        found, e.features, image_size=e.features_size, mirrored=e.mirrored, device=e.device, progress=progress
    )
    return made if found.source is None else replace(made, source=source_of(e))
