"""Dataset: pictures and their labels, given as people have them, before any task is made of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from gdw.errors import unknown
from gdw.pictures.on_disk import Images, OnDisk
from gdw.pictures.pixels import Pixels

PARTS = {"training": "", "test": "test_", "validation": "validation_"}  # each part, and how its fields begin
MOST_CHANNELS = 4  # grey, grey with transparency, colour, colour with transparency
BRIGHTEST = 255
SHOWN = 20  # classes, and pictures, that a line names
WANTED_IMAGES = (
    "images must be uint8 [images, channels, height, width], or float32 of that shape or [images, coordinates]"
)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images with their true labels, before any task is made of them.

    Images and labels may be given as numpy arrays or lists, in any common type, with channels last, and labels by
    name: see :func:`as_images` and :func:`as_labels`.

    Attributes:
        name: its name in tables.
        class_names: one name for each label.
        images: uint8 [images, channels, height, width], or float32 [images, coordinates] for points; in memory, or on
            disk (:class:`gdw.pictures.on_disk.OnDisk`).
        labels: int64 [images], true, in ``0 ... classes - 1``.
        test_images, test_labels: the published test set; without one a task holds out a fixed share.
        pixels: how the stored values become a network's input.
        origin: the name and size that ``load_dataset`` was given; None for a data set of your own.
        validation_images, validation_labels: a separate validation set; without one a task takes it from training.
        paths: the file of each training image, relative to the data set's folder, with forward slashes.
        test_paths, validation_paths: the same for these sets.
        notes: what reading it passed over, and what a reader should know of its labels.
        pictures: uint8 [images, channels, height, width], for figures, where ``images`` are features
            (:mod:`gdw.data.features`); None where ``images`` are the pictures themselves.
        content: a hash of the files that it was read from; None where it was not read from a folder.
        all_class_names: the classes that tables of its labels name, in the order of their numbers there, if some of
            them were put aside; by default ``class_names``.
        folder_names: the folders that a program may have numbered as classes, if some of them have no picture; by
            default ``all_class_names``.

    Raises:
        ValueError: labels out of range or not one for each image; fewer than two classes; a class with no image;
            images of another shape or type than these.
    """

    name: str
    class_names: tuple[str, ...]
    images: Images
    labels: Int[Tensor, "images"]
    test_images: Images | None = None
    test_labels: Int[Tensor, "test_images"] | None = None
    pixels: Pixels = field(default_factory=Pixels)
    origin: tuple[object, ...] | None = None
    validation_images: Images | None = None
    validation_labels: Int[Tensor, "validation_images"] | None = None
    paths: tuple[str, ...] | None = None
    test_paths: tuple[str, ...] | None = None
    validation_paths: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()
    pictures: Images | None = None
    content: str | None = None
    all_class_names: tuple[str, ...] = ()
    folder_names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "class_names", tuple(self.class_names))
        if not set(self.class_names) < set(self.all_class_names):
            object.__setattr__(self, "all_class_names", self.class_names)
        if not set(self.all_class_names) < set(self.folder_names):
            object.__setattr__(self, "folder_names", self.all_class_names)
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

    def parts(self) -> Iterator[tuple[str, Images]]:
        """The images of each part that is there, with how its fields begin; the training images first."""
        for prefix in PARTS.values():
            if getattr(self, f"{prefix}images") is not None:
                yield prefix, getattr(self, f"{prefix}images")

    def chosen(
        self, good: Mapping[str, np.ndarray] | None = None, least: int = 1, why: str = ""
    ) -> tuple["Dataset", dict[str, np.ndarray]]:
        """Some images of each part, and their places; without the classes of which too few are left to train on.

        Such classes, with their test and validation images, and a part of which nothing is left, are said in the notes.

        Args:
            good: places in each part, by how its fields begin; by default all.
            least: training images that a class needs.
            why: images cannot be decoded, which are not among ``good``; ends an error.
        """
        places = {prefix: np.arange(len(images)) for prefix, images in self.parts()} | dict(good or {})
        number, notes = self._classes_left(places, least, why)
        names = tuple(self.class_names[label] for label in np.flatnonzero(number >= 0))
        fields: dict[str, Any] = {}
        for part, prefix in PARTS.items():
            if prefix not in places:
                continue
            labels = number[getattr(self, f"{prefix}labels").cpu().numpy()]
            kept = places[prefix] = places[prefix][labels[places[prefix]] >= 0]
            if len(kept) == len(labels) and len(names) == len(number):
                continue
            if not len(kept):
                notes += (f"no {part} picture is left, so it has no {part} set of its own",)
            for name in ("images", "labels", "paths", *(() if prefix else ("pictures",))):
                values = torch.from_numpy(labels) if name == "labels" else getattr(self, prefix + name)
                if values is not None and len(kept):
                    paths = name == "paths"
                    values = tuple(values[at] for at in kept) if paths else values[torch.from_numpy(kept)]
                fields[prefix + name] = values if len(kept) else None
        if not fields:
            return self, places
        return replace(self, class_names=names, **fields, notes=(*self.notes, *notes)), places

    def _classes_left(
        self, places: Mapping[str, np.ndarray], least: int, why: str
    ) -> tuple[np.ndarray, tuple[str, ...]]:
        """The new number of each class, -1 of one with fewer good training images; and what to say of these."""
        labels, names, good = self.labels.cpu().numpy(), self.class_names, places[""]
        counts = np.bincount(labels[good], minlength=len(names))
        kept, small = np.flatnonzero(counts >= least), np.flatnonzero(counts < least)
        enough = "a picture" if least == 1 else f"{least} pictures"
        if len(kept) < 2:
            counted = class_counts_line(names, counts.tolist())
            raise ValueError(f"{self.name}: at least 2 classes need {enough} each, got {counted}{why}")
        number = np.full(len(names), -1)
        number[kept] = np.arange(len(kept))
        if not len(small):
            return number, ()
        aside = good[np.isin(labels[good], small)].tolist()
        listed = [f"{self.paths[place] if self.paths else place} as {names[labels[place]]}" for place in aside[:SHOWN]]
        more = f" and {len(aside) - SHOWN} more" if len(aside) > SHOWN else ""
        few = "no training picture" if least == 1 else f"fewer than {least} training pictures"
        note = f"put aside {len(small)} classes with {few}{' that can be decoded' if why else ''}: "
        note += ", ".join(f"{names[label]} ({counts[label]})" for label in small[:SHOWN])
        note += f"; look at their pictures first: {', '.join(listed)}{more}" if aside else ""
        return number, (note + self._held_out_of(small, places),)

    def _held_out_of(self, classes: np.ndarray, places: Mapping[str, np.ndarray]) -> str:
        """How many test and validation pictures there are of these classes, in words; nothing where there are none."""
        said = ""
        for part, prefix in PARTS.items():
            if prefix and prefix in places:
                labels = getattr(self, f"{prefix}labels").cpu().numpy()[places[prefix]]
                counts = {self.class_names[label]: int((labels == label).sum()) for label in classes}
                shown = [f"{count} of {name}" for name, count in counts.items() if count]
                more = f" and of {len(shown) - SHOWN} more classes" if len(shown) > SHOWN else ""
                said += f"; left out too, {part} pictures: {', '.join(shown[:SHOWN])}{more}" if shown else ""
        return said

    def _take(self, part: str, prefix: str, images: Any, labels: Any) -> None:
        images = as_images(images, f"{self.name}: {part}")
        labels = as_labels(labels, self.class_names, f"{self.name}: {part}")
        object.__setattr__(self, f"{prefix}images", images)
        object.__setattr__(self, f"{prefix}labels", labels)
        if len(images) != len(labels):
            raise ValueError(f"{self.name}: {len(images)} {part} images but {len(labels)} labels")
        check_labels(labels, len(self.class_names), f"{self.name}: {part} labels")
        empty = (torch.bincount(labels, minlength=len(self.class_names)) == 0).nonzero().flatten().tolist()
        if empty and part == "training":  # a test set may lack a class
            names = ", ".join(self.class_names[label] for label in empty)
            raise ValueError(f"{self.name}: no {part} image of class {names}")
        if images.shape[1:] != self.images.shape[1:]:
            raise ValueError(
                f"{self.name}: {part} images have the shape {tuple(images.shape[1:])}, "
                f"but training images {tuple(self.images.shape[1:])}"
            )
        paths = getattr(self, f"{prefix}paths")
        if paths is not None and len(paths) != len(labels):
            raise ValueError(f"{self.name}: {len(labels)} {part} images but {len(paths)} paths")


def class_counts_line(names: Sequence[str], counts: Sequence[int]) -> str:
    """Each class with its number of pictures."""
    shown = ", ".join(f"{name} {count}" for name, count in list(zip(names, counts, strict=True))[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} classes: {shown}{more}"


def check_labels(labels: Int[Tensor, "images"], classes: int, what: str, hint: str = "") -> None:
    """Refuse labels outside ``0 ... classes - 1``: ``what`` begins the message, ``hint`` ends it."""
    if len(labels) and not (int(labels.min()) >= 0 and int(labels.max()) < classes):
        found = f"{int(labels.min())} to {int(labels.max())}"
        raise ValueError(f"{what} must lie in 0 ... {classes - 1}, got {found}{hint}")


def as_images(images: Any, what: str, finite: bool = True) -> Images:
    """uint8 or float32, with channels first; ``what`` begins the error messages.

    Whole numbers in 0 ... 255 become uint8, real numbers float32. ``[N, H, W]`` of whole numbers are grey pictures
    and get a channel. ``[N, H, W, C]`` is known by a last length of at most 4 after a second one of more than 4.
    NaN and infinity are refused where ``finite``.
    """
    if isinstance(images, OnDisk):
        return images
    tensor = _tensor(images, f"{what} {WANTED_IMAGES}")
    if tensor.ndim < 2:
        raise ValueError(f"{what} {WANTED_IMAGES}, got shape {tuple(tensor.shape)}")
    tensor = _as_uint8_or_float32(tensor, what, finite)
    if tensor.ndim == 3 and tensor.dtype == torch.uint8:
        return tensor.unsqueeze(1)
    if tensor.ndim == 4 and tensor.shape[3] <= MOST_CHANNELS < tensor.shape[1]:
        return tensor.permute(0, 3, 1, 2).contiguous()
    return tensor


def as_labels(labels: Any, class_names: Sequence[str], what: str) -> Int[Tensor, "images"]:
    """int64 [images], from whole numbers of any type or from names of classes."""
    wanted = f"{what} labels must be whole numbers, int64 [images]"
    if not isinstance(labels, Tensor):
        labels = _array(labels, wanted)
        if labels.dtype.kind in "US":
            labels = _numbers(labels, class_names, what)
    tensor = _tensor(labels, wanted)
    if tensor.ndim != 1:
        raise ValueError(f"{wanted}, got shape {tuple(tensor.shape)}")
    if tensor.is_complex() or (tensor.is_floating_point() and not torch.equal(tensor, tensor.round())):
        raise ValueError(f"{wanted}, got {_name(tensor)} with fractions")
    return tensor.long()


def native(array: np.ndarray) -> np.ndarray:
    """The array in this machine's byte order, in a type that torch has, in memory that is its own if it must be."""
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype == np.longdouble and array.dtype != np.float64:
        array = array.astype(np.float64)
    if any(stride < 0 for stride in array.strides) or not array.flags.writeable:
        array = array.copy()
    return array


def _as_uint8_or_float32(tensor: Tensor, what: str, finite: bool) -> Tensor:
    if tensor.is_complex():
        raise ValueError(f"{what} {WANTED_IMAGES}, got {_name(tensor)}")
    if tensor.is_floating_point():
        if finite and not bool(tensor.isfinite().all()):
            raise ValueError(f"{what} images must be finite, found NaN or infinity")
        return tensor.float()
    if tensor.dtype == torch.uint8:
        return tensor
    if tensor.dtype == torch.bool:
        white = BRIGHTEST if tensor.ndim > 2 else 1  # of a mask; of a table's column
        return tensor.to(torch.uint8) * white
    whole = tensor.long()  # torch has no minimum of uint16
    if whole.numel() and not (int(whole.min()) >= 0 and int(whole.max()) <= BRIGHTEST):
        raise ValueError(
            f"{what} images of whole numbers must lie in 0 ... {BRIGHTEST}, got {_name(tensor)} from "
            f"{int(whole.min())} to {int(whole.max())}: divide them by their largest value and give float32"
        )
    return whole.to(torch.uint8)


def _tensor(values: Any, wanted: str) -> Tensor:
    if isinstance(values, Tensor):
        return values.detach()
    array = _array(values, wanted)
    if array.dtype.kind not in "biufc":
        raise ValueError(f"{wanted}, got {array.dtype}")
    return torch.from_numpy(native(array))


def _array(values: Any, wanted: str) -> np.ndarray:
    if isinstance(values, list | tuple) and any(isinstance(value, Tensor) for value in values):
        values = [value.detach().cpu().numpy() if isinstance(value, Tensor) else value for value in values]
    try:
        array = np.asarray(values)
    except (TypeError, ValueError) as error:  # rows of several lengths
        raise ValueError(f"{wanted}, got a {type(values).__name__} of several shapes") from error
    if array.dtype == object and all(isinstance(value, str) for value in array.flat):
        array = array.astype(str)  # as pandas keeps words
    return array


def _numbers(names: np.ndarray, class_names: Sequence[str], what: str) -> np.ndarray:
    number = {name: label for label, name in enumerate(class_names)}
    words = [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in names.flat]
    for word in words:
        if word not in number:
            raise unknown(f"class in the {what} labels", word, class_names)
    return np.array([number[word] for word in words], np.int64).reshape(names.shape)


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
