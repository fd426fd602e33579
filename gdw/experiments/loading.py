"""The data set that an experiment names: loaded, and turned into features if it asks for them."""

import warnings
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import torch

from gdw import files
from gdw.data.confirmed import confirmed_of
from gdw.data.corruption import IMAGE_NOISES
from gdw.data.dataset import PARTS, Dataset
from gdw.data.datasets import load_dataset
from gdw.data.task import Task, make_task
from gdw.experiments.experiment import Experiment
from gdw.experiments.identity import content_of, places_of
from gdw.label_files.label_table import read_table
from gdw.pictures.pretrained import own_size


def origin_of(experiment: Experiment) -> tuple[object, ...]:
    """``Dataset.origin`` of the data set that the experiment names: the fields that decide which one it is."""
    e = experiment
    return (e.dataset, e.image_size, *((e.features, e.features_size, e.mirrored) if e.features else ()))


def dataset_of(
    experiment: Experiment, dataset: Dataset | None = None, progress: Callable[[int, int], None] | None = None
) -> Dataset:
    """What the experiment trains on, before any split.

    Args:
        dataset: one of your own instead of the one that it names, or one that this function gave for another
            experiment with the same ``origin_of``, which is returned as it is.
        progress: called with (pictures done, pictures in all) while features are computed.
    """
    e = experiment
    if dataset is not None and dataset.origin == origin_of(e):
        check_content(e, dataset)
        return dataset
    if e.confirmed is not None:
        read_table(files.user_path(e.confirmed))  # a wrong one is named before any work
    seen_at = None if e.features is None else e.features_size or own_size(e.features)
    found = dataset or load_dataset(e.dataset, image_size=e.image_size, seen_at=seen_at)
    check_content(e, found)
    if e.features is None:
        return found
    if not (isinstance(e.noise, str) and e.noise in IMAGE_NOISES):  # which depend on the pictures
        task_of(e, _without_pictures(found))  # what cannot be split is named too, before minutes of features
    from gdw.data.features import with_features

    made = with_features(
        found, e.features, image_size=e.features_size, mirrored=e.mirrored, device=e.device, progress=progress
    )
    made = _that_can_be_split(e, made, found)
    if said := made.notes[len(found.notes) :]:
        warnings.warn(f"{found.name}: {'; '.join(said)}", stacklevel=2)
    return made if found.origin is None else replace(made, origin=origin_of(e))


def _that_can_be_split(experiment: Experiment, made: Dataset, before: Dataset) -> Dataset:
    """Without the classes that broken pictures made too small for the experiment's sets, the smallest first.

    Raises:
        ValueError: as ``make_task`` does, where this does not help.
    """
    images = Counter(before.class_names[label] for label in before.labels.tolist())
    names, counts = made.class_names, torch.bincount(made.labels).tolist()
    hurt = sorted({count for name, count in zip(names, counts, strict=True) if count < images[name]})
    refused: ValueError | None = None
    for least in [0, *(count + 1 for count in hurt)] if hurt else []:
        try:
            found, _ = made.chosen(least=least)
            task_of(experiment, found)
            return found
        except ValueError as error:
            refused = refused or error
    if refused is not None:
        raise refused
    return made


def check_content(experiment: Experiment, dataset: Dataset) -> None:
    """Refuse files that are not those that the experiment is about, where it says so (``content``)."""
    if experiment.content is None or dataset.origin is None:
        return
    found = content_of(experiment.data, dataset)
    if found != experiment.content:
        places = ", ".join(map(str, places_of(experiment.data).values()))
        raise ValueError(
            f"{places}: the files have changed since this run was described (content {found} instead of "
            f"{experiment.content}): take content=None to run on what is there now"
        )


def task_of(experiment: Experiment, dataset: Dataset) -> Task:
    """The data set as the experiment splits it and changes its labels."""
    e = experiment
    confirmed = None if e.confirmed is None else confirmed_of(e.confirmed, dataset)
    return make_task(
        dataset, noise=e.noise, rate=e.rate, imbalance=e.imbalance, imbalance_kind=e.imbalance_kind,
        meta_per_class=e.meta_per_class, validation_per_class=e.validation_per_class,
        train_per_class=e.train_per_class, test_per_class=e.test_per_class, confirmed=confirmed, seed=e.seed,
    )  # fmt: skip


def _without_pictures(dataset: Dataset) -> Dataset:
    """The same labels, each with one number for its picture."""
    parts = {f"{part}images": getattr(dataset, f"{part}labels") for part in PARTS.values()}
    return replace(dataset, **{n: labels[:, None].float() for n, labels in parts.items() if labels is not None})
