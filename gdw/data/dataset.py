"""Dataset: pictures and their labels, before any task is made of them."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Int, Shaped, UInt8
from torch import Tensor

from gdw.data.arrays import as_images, as_labels
from gdw.data.pixels import Pixels

PARTS = {"training": "", "test": "test_", "validation": "validation_"}  # each part, and how its fields begin


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their true labels, before any task is made of them.

    Images and labels may be given as numpy arrays or lists, in any common type, with channels last, and labels by
    name: see :mod:`gdw.data.arrays`.

    Attributes:
        name: its name in tables.
        class_names: one name for each label.
        images: uint8 [images, channels, height, width], or float32 [images, coordinates] for points.
        labels: int64 [images], true, in ``0 ... classes - 1``.
        test_images, test_labels: the published test set; without one a task holds out a fixed share.
        pixels: how the stored values become a network's input.
        source: the name and size that ``load_dataset`` was given; None for a data set of your own.
        validation_images, validation_labels: a separate validation set; without one a task takes it from training.
        paths: the file of each training image, relative to the data set's folder, with forward slashes.
        test_paths, validation_paths: the same for these sets.
        notes: what reading it passed over, and what a reader should know of its labels.
        pictures, test_pictures, validation_pictures: uint8 [images, channels, height, width], for figures, where
            ``images`` are the features of pictures (features.py); None where ``images`` are the pictures themselves.
        content: a hash of the files that it was read from (content.py); None where it was not read from a folder.

    Raises:
        ValueError: labels out of range or not one for each image; fewer than two classes; a class with no image;
            images of another shape or type than these.
    """

    name: str
    class_names: tuple[str, ...]
    images: Shaped[Tensor, "images *shape"]
    labels: Int[Tensor, "images"]
    test_images: Shaped[Tensor, "test_images *shape"] | None = None
    test_labels: Int[Tensor, "test_images"] | None = None
    pixels: Pixels = field(default_factory=Pixels)
    source: tuple | None = None
    validation_images: Shaped[Tensor, "validation_images *shape"] | None = None
    validation_labels: Int[Tensor, "validation_images"] | None = None
    paths: tuple[str, ...] | None = None
    test_paths: tuple[str, ...] | None = None
    validation_paths: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    pictures: UInt8[Tensor, "images channels height width"] | None = None
    test_pictures: UInt8[Tensor, "test_images channels height width"] | None = None
    validation_pictures: UInt8[Tensor, "validation_images channels height width"] | None = None
    content: str | None = None

    def __post_init__(self):
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if len(self.class_names) < 2:
            raise ValueError(f"{self.name}: at least 2 classes are needed, got {len(self.class_names)}")
        if len(set(self.class_names)) < len(self.class_names):
            raise ValueError(f"{self.name}: each class needs a name of its own, got {self.class_names}")
        for part, prefix in PARTS.items():
            images, labels = getattr(self, f"{prefix}images"), getattr(self, f"{prefix}labels")
            if (images is None) != (labels is None):
                raise ValueError(f"{self.name}: give {prefix}images and {prefix}labels together, or neither")
            if images is not None:
                self._take(part, prefix, images, labels)

    def _take(self, part: str, prefix: str, images, labels) -> None:
        """Bring one part into its form and check it."""
        images = as_images(images, f"{self.name}: {part}")
        labels = as_labels(labels, self.class_names, f"{self.name}: {part}")
        object.__setattr__(self, f"{prefix}images", images)
        object.__setattr__(self, f"{prefix}labels", labels)
        self._check(part, images, labels)
        if images.shape[1:] != self.images.shape[1:]:
            raise ValueError(
                f"{self.name}: {part} images have the shape {tuple(images.shape[1:])}, "
                f"but training images {tuple(self.images.shape[1:])}"
            )
        paths = getattr(self, f"{prefix}paths")
        if paths is not None and len(paths) != len(labels):
            raise ValueError(f"{self.name}: {len(labels)} {part} images but {len(paths)} paths")

    def _check(self, part: str, images: Tensor, labels: Tensor) -> None:
        classes = len(self.class_names)
        if len(images) != len(labels):
            raise ValueError(f"{self.name}: {len(images)} {part} images but {len(labels)} labels")
        if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
            found = f"{int(labels.min())} to {int(labels.max())}"
            raise ValueError(f"{self.name}: {part} labels must lie in 0 ... {classes - 1}, got {found}")
        empty = (torch.bincount(labels, minlength=classes) == 0).nonzero().flatten().tolist()
        if empty:
            names = ", ".join(self.class_names[label] for label in empty)
            raise ValueError(f"{self.name}: no {part} image of class {names}")
