"""Dataset: pictures and their labels, before any task is made of them."""

from dataclasses import dataclass, field

import torch
from jaxtyping import Int, Shaped
from torch import Tensor

from gdw.data.pixels import Pixels


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their true labels, before any task is made of them.

    Attributes:
        name: what it is called in tables.
        class_names: one name for each label.
        images: uint8 [images, channels, height, width], or float32 [images, coordinates] for points.
        labels: int64 [images], true, in ``0 ... classes - 1``.
        test_images, test_labels: the published test set; without one a task holds out a fixed share.
        pixels: how the stored values become a network's input.
        source: the name and size that ``load_dataset`` was given; None for a data set of your own.

    Raises:
        ValueError: labels out of range or not one for each image; fewer than two classes; a class with no image.
    """

    name: str
    class_names: tuple[str, ...]
    images: Shaped[Tensor, "images *shape"]
    labels: Int[Tensor, "images"]
    test_images: Shaped[Tensor, "test_images *shape"] | None = None
    test_labels: Int[Tensor, "test_images"] | None = None
    pixels: Pixels = field(default_factory=Pixels)
    source: tuple | None = None

    def __post_init__(self):
        if len(self.class_names) < 2:
            raise ValueError(f"{self.name}: at least 2 classes are needed, got {len(self.class_names)}")
        if (self.test_images is None) != (self.test_labels is None):
            raise ValueError(f"{self.name}: give test_images and test_labels together, or neither")
        self._check("training", self.images, self.labels)
        if self.test_images is not None:
            self._check("test", self.test_images, self.test_labels)

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
