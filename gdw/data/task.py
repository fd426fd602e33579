"""A task: disjoint training, meta, validation and test sets, with what was done to the training labels."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from gdw.data import corruption, human_labels
from gdw.data.confirmed import Confirmed, as_confirmed
from gdw.data.dataset import PARTS, Dataset
from gdw.data.folder import UNCOUNTED, channel_statistics
from gdw.data.picture_labels import NO_CLASS
from gdw.data.randomness import generator
from gdw.data.splits import split_around_confirmed, split_indices, thinned
from gdw.errors import number, unknown, whole_number
from gdw.pictures.on_disk import Images, OnDisk, in_batches
from gdw.pictures.pixels import Pixels


@dataclass(frozen=True, eq=False)
class Split:
    """Images and their labels: ``len``, ``to``, and nothing else.

    Attributes:
        images: as stored, [images, ...]; a task's ``pixels`` make a network's input of them.
        labels: int64 [images].
    """

    images: Images
    labels: Int[Tensor, "images"]

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device | str, images: bool = True) -> "Split":
        """The same split on another device; without ``images`` its labels alone go there."""
        return Split(self.images.to(device) if images else self.images, self.labels.to(device))


@dataclass(frozen=True, eq=False)
class Task:
    """What a method is trained on, and what only its evaluation may see.

    Attributes:
        train: images with their observed labels, which may be wrong.
        true_labels: int64 [train]: for figures and reports, never for a method. None if nobody knows them: labels that
            may be wrong as they are.
        meta: the small clean set, balanced.
        validation: clean, for choosing settings; balanced, or all of a data set's own validation set; may be empty.
        test: clean; scores are measured on it and nothing is chosen on it.
        class_names: one for each label.
        pixels: normalisation and augmentation.
        matrix: float64 [classes, classes], rows: true, columns: observed; the labels were drawn from it. For
            noise that no matrix describes it is counted afterwards. NaN if ``true_labels`` is None.
        dataset_indices: for each split, which image of the data set each of its images is: its training images
            first, then its own test images, then its own validation images, where it has them.
        resident: whether the images to train and test on lie on the device, with their labels; otherwise in the
            host's memory.
        pictures: where the images are features of pictures, the data set's training pictures, for figures.
    """

    train: Split
    true_labels: Int[Tensor, "train"] | None
    meta: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    pixels: Pixels
    matrix: Float[Tensor, "classes classes"]
    dataset_indices: dict[str, Int[Tensor, "images"]]
    resident: bool = True
    pictures: Images | None = None

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input of the network: (channels, height, width), (coordinates,) or (features,)."""
        return tuple(self.train.images.shape[2 if self.pixels.views else 1 :])

    @property
    def wrong_label_rate(self) -> float:
        """Share of training labels that are wrong, in [0, 1]: counted, not expected. NaN if nobody knows."""
        if self.true_labels is None:
            return float("nan")
        return corruption.wrong_label_rate(self.true_labels, self.train.labels)

    @property
    def best_known_labels(self) -> Int[Tensor, "train"]:
        """The true labels, or the observed ones if nobody knows the true ones: flows are grouped by them."""
        return self.train.labels if self.true_labels is None else self.true_labels

    def picture(self, index: int) -> UInt8[np.ndarray, "height width ..."] | None:
        """A training image for a figure: uint8, [height, width] if grey, else [height, width, 3]; None for points."""
        if self.pictures is not None:
            image, scale = self.pictures[int(self.dataset_indices["train"][index])], 255.0
        else:
            image, scale = self.train.images[index], self.pixels.scale
        if image.ndim != 3:
            return None
        pixels = (image.double() * (255 / scale)).clamp(0, 255).byte().cpu().permute(1, 2, 0).numpy()
        return pixels[..., 0] if pixels.shape[-1] == 1 else pixels[..., :3]

    @property
    def has_pictures(self) -> bool:
        """Whether ``picture`` has something to show."""
        return self.pictures is not None or self.train.images.ndim == 4

    def to(self, device: torch.device | str, resident: bool = True) -> "Task":
        """The same task on another device; without ``resident`` the images to train and test on stay where they are."""
        splits = {name: getattr(self, name).to(device) for name in ("meta", "validation")}
        splits |= {name: getattr(self, name).to(device, images=resident) for name in ("train", "test")}
        true_labels = None if self.true_labels is None else self.true_labels.to(device)
        return replace(self, true_labels=true_labels, resident=resident, **splits)


def make_task(
    dataset: Dataset,
    *,
    noise: str | corruption.Matrix | Sequence[Sequence[float]] | Mapping[str, Mapping[str, float]] = "uniform",
    rate: float = 0.0,
    imbalance: float = 1.0,
    imbalance_kind: str = "exponential",
    meta_per_class: int = 5,
    validation_per_class: int = 0,
    train_per_class: int | None = None,
    test_per_class: int | None = None,
    confirmed: Mapping[int, int] | None = None,
    seed: int = 0,
) -> Task:
    """Split a data set, thin out its classes and make some of its training labels wrong; in this order.

    The test set is the data set's own, or a stratified 30 % that is the same for every seed. Of the rest the
    seed draws the meta set, the validation set and, last, which training images an imbalance leaves. A data set's
    own validation set is used instead of training images. Splits, imbalance and noise have a stream of random
    numbers each: another noise leaves the splits as they are.

    Args:
        noise, rate: see :func:`gdw.data.corruption.transition_matrix`; besides, those of
            :data:`gdw.data.corruption.IMAGE_NOISES` and ``"human:PATH[:KEY]"`` (:mod:`gdw.data.human_labels`), whose
            rate is unused. A matrix may be nested lists, an array, or a pandas table or dictionary of rows whose rows
            and columns have the classes' names.
        imbalance, imbalance_kind: see :func:`gdw.data.corruption.class_counts`; at 1 every training image is
            kept. Otherwise the classes have exactly these proportions, as large as the data allow.
        meta_per_class: clean images of each class, at least 1.
        validation_per_class: clean images of each class, 0 or more. Of a data set's own validation set 0 takes all.
        train_per_class, test_per_class: a smaller run: this number of each class, before any imbalance; None: all.
        confirmed: the labels of the data set may be wrong as they are; of these pictures a person knows the right one:
            place in the data set to class number, or -1 for one that belongs to no class and is left out. The clean set
            is made of them alone; validation and test set are
            the data set's own, or made of those that were drawn at random (:class:`gdw.data.confirmed.Confirmed`). All
            others are trained on (:func:`gdw.data.splits.split_around_confirmed`): with their right labels where
            these are confirmed, else with the data set's or those of a table (``noise="human:PATH"``).
        seed: draws everything but a held-out test set.

    Raises:
        ValueError: as those functions do; noise or an imbalance where pictures are confirmed; and where a class is too
            small for its meta and validation images and one more to train on.
    """
    counts = {"meta": meta_per_class, "validation": validation_per_class}
    if confirmed is not None:
        check_as_labelled(noise, rate, imbalance)
        known = as_confirmed(confirmed)
        if isinstance(noise, str) and noise != "uniform":
            human = human_labels.human_labels(noise, dataset)
            none = dict.fromkeys(torch.nonzero(human == NO_CLASS).flatten().tolist(), NO_CLASS)
            known = Confirmed({**none, **known.labels}, known.chosen)
            dataset = replace(dataset, labels=torch.where(human == NO_CLASS, dataset.labels, human))
        return _as_labelled(dataset, known, counts, train_per_class, test_per_class, seed)
    classes = len(dataset.class_names)
    observe, left_out = _noise(dataset, corruption.in_class_order(noise, dataset.class_names), rate, seed)
    corruption.class_shares(imbalance_kind, classes, imbalance)  # refuses a wrong setting before any work
    indices = split_indices(dataset, counts, generator(seed, "split"), train_per_class, test_per_class, left_out)
    if imbalance < 1:
        random = generator(seed, "imbalance")
        indices["train"] = thinned(indices["train"], dataset.labels, imbalance_kind, imbalance, classes, random)
    return _task(dataset, indices, *observe(indices["train"]))


def check_as_labelled(noise: Any, rate: float, imbalance: float) -> None:
    """Refuse to change labels that may be wrong as they are."""
    table = isinstance(noise, str) and (noise == "uniform" or noise.startswith(human_labels.PREFIX))
    if not table or rate or imbalance != 1:
        raise ValueError("with confirmed pictures all labels stay as they are: leave out noise, rate and imbalance")


def _as_labelled(
    dataset: Dataset, confirmed: Confirmed, counts: dict[str, int], train_per_class: int | None,
    test_per_class: int | None, seed: int,
) -> Task:  # fmt: skip
    """Observed labels and confirmed pictures, as they come."""
    if not confirmed:
        raise ValueError(f"no picture of {dataset.name} is confirmed: a run needs some as its clean set")
    for place, label in confirmed.items():
        whole_number("the place of a confirmed image", place, 0, len(dataset.labels) - 1)
        if label != NO_CLASS:
            whole_number("the class of a confirmed image", label, 0, len(dataset.class_names) - 1)
    known, sure = dataset.labels.clone(), confirmed.with_class()
    known[list(sure)] = torch.tensor(list(sure.values()), dtype=torch.int64)
    dataset = replace(dataset, labels=known)
    indices = split_around_confirmed(
        dataset, confirmed, counts, generator(seed, "split"), train_per_class, test_per_class
    )
    return _task(dataset, indices, None, torch.full((len(dataset.class_names),) * 2, torch.nan, dtype=torch.float64))


def _task(dataset: Dataset, indices: dict[str, Tensor], observed: Tensor | None, matrix: corruption.Matrix) -> Task:
    """The task of these splits; None for labels that may be wrong as they are, and nobody knows the true ones."""
    splits = {name: _split(dataset, index) for name, index in indices.items()}
    train, images = splits["train"], dataset.images
    # pictures that were read for a network, and are trained on themselves: by their own shades
    by_shades = isinstance(images, OnDisk) and images.ndim == 4 and dataset.pixels == UNCOUNTED
    return Task(
        train=train if observed is None else Split(train.images, observed),
        true_labels=None if observed is None else train.labels,
        meta=splits["meta"],
        validation=splits["validation"],
        test=splits["test"],
        class_names=dataset.class_names,
        pixels=channel_statistics(images) if by_shades else dataset.pixels,
        matrix=matrix,
        dataset_indices=indices,
        pictures=dataset.pictures,
    )


def _noise(
    dataset: Dataset, noise: Any, rate: float, seed: int
) -> tuple[
    Callable[[Int[Tensor, "train"]], tuple[Int[Tensor, "train"], corruption.Matrix]], Bool[Tensor, "images"] | None
]:
    """A function from training images to their observed labels and the noise matrix, which is given or counted.

    And which images have no label that people gave, and are left out.

    A wrong noise is refused, and labels that people gave are read, before any work.
    """
    classes = len(dataset.class_names)

    def counted(train: Tensor, observed: Tensor) -> tuple[Tensor, corruption.Matrix]:
        return observed, corruption.counted_matrix(dataset.labels[train], observed, classes)

    if isinstance(noise, str) and noise.startswith(human_labels.PREFIX):
        human = human_labels.human_labels(noise, dataset)
        return lambda train: counted(train, human[train]), human == NO_CLASS
    if isinstance(noise, str) and noise in corruption.IMAGE_NOISES:
        number("rate", rate, 0, 1)
        # it belongs to the picture: with features of it too, of a large one by a small copy
        pictures = dataset.images if dataset.pictures is None else dataset.pictures
        return lambda train: counted(train, corruption.observed_by(
            noise, _small(pictures[train], dataset.pictures is not None), dataset.labels[train], rate, classes,
            generator(seed, "noise"),
        )), None  # fmt: skip
    if isinstance(noise, str) and noise not in corruption.NOISES:
        raise unknown("noise", noise, (*corruption.NOISES, *corruption.IMAGE_NOISES, human_labels.PREFIX + "PATH"))
    matrix = corruption.transition_matrix(noise, rate, classes, generator(seed, "noise matrix"))
    return lambda train: (
        corruption.corrupt_labels(dataset.labels[train], matrix, generator(seed, "noise")), matrix
    ), None  # fmt: skip


def _small(pictures: Images, seen_by_a_network: bool) -> Tensor:
    """Pictures in memory; those of a network on disk are taken as small as those that it holds in memory."""
    from gdw.data.features import thumbnails

    if not isinstance(pictures, OnDisk):
        return pictures
    return torch.cat([thumbnails(batch, 255) if seen_by_a_network else batch for batch in in_batches(pictures)])


def _split(dataset: Dataset, indices: Int[Tensor, "images"]) -> Split:
    """The images of one part of the data set: indices of different parts never come together."""
    start = 0
    for part in PARTS.values():
        images, labels = getattr(dataset, f"{part}images"), getattr(dataset, f"{part}labels")
        if labels is not None:
            if len(indices) and start <= int(indices[0]) < start + len(labels):
                return Split(images[indices - start], labels[indices - start])
            start += len(labels)
    return Split(dataset.images[indices], dataset.labels[indices])
