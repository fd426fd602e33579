"""Folders of pictures: what is in them is listed once, with labels from folders or from a table, and then decoded."""

import os
import warnings
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import compress
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from gdw.cache import content_of_files
from gdw.data.dataset import PARTS, Dataset, class_counts_line
from gdw.data.picture_labels import NO_CLASS, doubtful_names, labelled, natural_key
from gdw.label_files.label_table import read_table
from gdw.label_files.path_match import SPLITS
from gdw.pictures.decoding import COMMON_SIZE, NAMED, can_open, decode, sample, sizes_of
from gdw.pictures.on_disk import Images, in_batches
from gdw.pictures.pixels import CIFAR_PIXELS, Pixels

ENDINGS = (
    ".avif", ".bmp", ".dcm", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif",
    ".tiff", ".webp",
)  # fmt: skip
# Folders of systems: of a Mac's zip, of network disks with thumbnails of all pictures, of what was deleted.
OF_SYSTEMS = frozenset({"__macosx", "@eadir", "#recycle", "@recycle", "$recycle.bin", "system volume information",
                        "lost+found"})  # fmt: skip
HOUSEKEEPING = (".DS_Store", "Thumbs.db", "desktop.ini")  # put there by the system; not counted
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR_SIZE = (32, 32)  # pixels, height and width
UNCOUNTED = Pixels(255)  # of pictures that a network will see: their shades are counted when a task trains on them
SMALLEST_DEVIATION = 1e-6  # of the range of shades; anything below is rounding


@dataclass(frozen=True)
class Listing:
    """What a folder holds, before a picture is decoded.

    Attributes:
        folder: as it was given.
        class_names: in natural order.
        splits: for ``"train"``, and ``"validation"`` and ``"test"`` where there are such folders: the files of the
            pictures in a fixed order, and the label of each.
        notes: how many files and folders were passed over, for each reason.
        table, column: that the labels are from; None where they are from the folders' names.
        votes: path to annotator to label, where the table has several annotators.
        folder_names: also of the folders of classes that have no picture, in natural order.
    """

    folder: Path
    class_names: tuple[str, ...]
    splits: dict[str, tuple[list[Path], list[int]]]
    notes: tuple[str, ...]
    table: Path | None = None
    column: str | None = None
    votes: dict[str, dict[str, str]] = field(default_factory=dict)
    folder_names: tuple[str, ...] = ()

    @property
    def counts(self) -> str:
        """Each class with its number of training pictures, in words."""
        return class_counts_line(self.class_names, np.bincount(self.labels, minlength=len(self.class_names)).tolist())

    @property
    def files(self) -> list[Path]:
        """The pictures of all splits."""
        return [file for files, _ in self.splits.values() for file in files]

    def paths_of(self, split: str) -> tuple[str, ...]:
        """Of the pictures of a split, relative to the folder, with forward slashes."""
        return tuple(_relative(file, self.folder) for file in self.splits[split][0])

    @property
    def paths(self) -> tuple[str, ...]:
        """Of the training pictures."""
        return self.paths_of("train")

    @property
    def others(self) -> tuple[str, ...]:
        """Paths of the pictures of a validation and a test set."""
        return tuple(path for split in self.splits if split != "train" for path in self.paths_of(split))

    @property
    def labels(self) -> tuple[int, ...]:
        """Of the training pictures."""
        return tuple(self.splits["train"][1])


def _of_classes(files: list[Path], labels: list[int], new: Mapping[int, int]) -> tuple[list[Path], list[int]]:
    """The pictures of the classes that get a new number."""
    kept = [label in new for label in labels]
    return list(compress(files, kept)), [new[label] for label in compress(labels, kept)]


def load_folder(folder: Path, image_size: int | None = None, seen_at: int | None = None) -> Dataset:
    """The data set in ``class/...``, or in ``train/class/...`` with ``val/...`` and ``test/...``.

    The arguments and errors are those of ``list_folder`` and ``load_listing``.
    """
    _require_size(image_size)
    return load_listing(list_folder(folder), image_size, seen_at, stacklevel=5)


def load_table(
    folder: str | Path,
    table: str | Path,
    column: str | None = None,
    image_size: int | None = None,
    seen_at: int | None = None,
) -> Dataset:
    """Pictures in a folder, at any depth, with the labels that a table gives them.

    Its ``labels`` are the observed ones and may be wrong: nothing here says which are. Pictures without a row are
    passed over, counted in ``notes`` and said in a warning.

    Args:
        folder: the pictures; the names of folders below it mean nothing.
        table: in any form of :mod:`gdw.label_files.label_table`. The classes are the words in the column, in natural
            order (2 before 10).
        column: which column; by default as for ``human:PATH`` (:mod:`gdw.data.human_labels`).
        image_size, seen_at: see :func:`load_listing`.

    Raises:
        ValueError: see :func:`gdw.label_files.label_table.read_table`; fewer than two classes of good pictures.
        FileNotFoundError: no such folder or table.
    """
    _require_size(image_size)
    found = list_folder(Path(folder).expanduser(), Path(table).expanduser(), column)
    return load_listing(found, image_size, seen_at, stacklevel=3)


def load_listing(
    found: Listing,
    image_size: int | None = None,
    seen_at: int | None = None,
    stacklevel: int = 2,
    content: bool = True,
) -> Dataset:
    """The data set of a listing, in colour. Pictures for a network, and more than fit in memory, stay in their files.

    Pictures keep their size if they all have one; otherwise, or with ``image_size``, the middle square of each is
    resized. Means and deviations of the channels are those of the training pictures, which are flipped and shifted by
    up to an eighth of their size. CIFAR-10's classes in CIFAR's size take the published numbers: runs follow its
    protocol then.

    Args:
        image_size, seen_at: height and width in pixels; those of a network that will see the pictures. See
            :func:`gdw.pictures.decoding.decode`.
        stacklevel: of the one warning of all that was passed over.
        content: whether to hash the files.

    Raises:
        ValueError: fewer than two classes have a picture that can be decoded. Other broken pictures are passed over,
            and named in ``notes``.
    """
    listed = found.files
    images, broken = decode(listed, image_size, seen_at, found.table and found.table.absolute())
    notes, named = found.notes, list(broken.values())
    if broken:
        more = f" and {len(broken) - NAMED} more" if len(broken) > NAMED else ""
        notes += (f"passed over {len(broken)} broken pictures: {', '.join(named[:NAMED])}{more}",)
    ends = np.cumsum([len(labels) for _, labels in found.splits.values()])
    fields, good = dict[str, Any](), dict[str, np.ndarray]()
    for split, start, end in zip(found.splits, [0, *ends], ends, strict=False):
        prefix = PARTS["training" if split == "train" else split]
        fields[f"{prefix}images"], fields[f"{prefix}labels"] = images[start:end], torch.tensor(found.splits[split][1])
        fields[f"{prefix}paths"] = found.paths_of(split)
        good[prefix] = np.array([place - start for place in range(start, end) if place not in broken], int)
    whole = Dataset(found.folder.resolve().name, found.class_names, **fields, notes=notes, pixels=UNCOUNTED,
                    folder_names=found.folder_names)  # fmt: skip
    data, _ = whole.chosen(good, why=f"; {notes[-1]}" if broken else "")
    notes = data.notes + (_reduced(listed, images) if image_size is None and seen_at is None else ())
    if notes:
        warnings.warn(f"{found.folder}: {'; '.join(notes)}", stacklevel=stacklevel)
    if found.table:
        notes += (f"the labels are those of {found.table.name}, column {found.column}: they may be wrong",)
    published = found.table is None and data.class_names == CIFAR10_CLASSES and images.shape[2:] == CIFAR_SIZE
    usual = CIFAR_PIXELS if published else channel_statistics(data.images) if seen_at is None else UNCOUNTED
    kept = [file for place, file in enumerate(listed) if place not in broken]
    content_of = None if found.table or not content else content_of_files(found.folder, kept)
    return replace(data, pixels=usual, notes=notes, content=content_of)


def list_folder(
    folder: Path, table: Path | None = None, column: str | None = None, path_column: str | None = None
) -> Listing:
    """Look through ``class/...``, or ``train/class/...`` with ``val/class/...`` and ``test/class/...``.

    With a table of labels, look through any folder, whatever the folders in it are called.

    Folders of splits are known by their usual names in any case (``SPLITS``), where they hold folders themselves.
    Hidden names are passed over at every depth; pipes, sockets and devices are never opened; a folder that links
    reach twice is read once. A picture is known by its ending, otherwise by its first bytes.

    Raises:
        FileNotFoundError: no such folder or table.
        ValueError: no class folders, one class, a class without a picture, splits without a training split, splits
            whose classes differ; with a table, see :func:`load_table`.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder of pictures {folder}")
    return _by_folders(folder) if table is None else _by_table(folder, table, column, path_column)


def pictures_below(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Every picture in a folder, at any depth, in a fixed order; and what was passed over."""
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder of pictures {folder}")
    scan = _Scan(folder)
    found = scan.pictures(folder)
    if not found:
        raise ValueError("; ".join((f"{folder} has no picture", *scan.notes())))
    return found, scan.notes()


def _by_folders(folder: Path) -> Listing:
    scan, splits = _Scan(folder), split_folders(folder)
    nested, others = False, list[Path]()
    if splits:
        named = " and ".join(path.name for path in splits.values())
        nested = any(scan.folders_in(split) for split in splits.values())
        others = [child for child in scan.folders_in(folder) if child not in splits.values()]
        if not nested and not others:
            raise ValueError(f"{named} in {folder} must hold one folder of pictures for each class")
        if nested and "train" not in splits:
            raise ValueError(f"{folder} has {named}, but no folder train with the classes to train on")
    folders = dict(splits) if nested else {"train": folder}
    start = folders.pop("train")
    names, files, labels = scan.classes(start)
    every = tuple(sorted((child.name for child in scan.folders_in(start)), key=natural_key))
    found, notes = {"train": (files, labels)}, doubtful_names(names)
    for split, path in folders.items():
        theirs, files, labels = scan.classes(path, least=1)
        new = {label: names.index(name) for label, name in enumerate(theirs) if name in names}
        if not new:
            raise ValueError(f"{folder}: {splits['train'].name} and {path.name} have no class in common")
        if lacking := [name for name in names if name not in theirs]:
            notes += (f"{path.name} has no picture of {', '.join(lacking)}",)
        if more := [name for name in theirs if name not in names]:
            notes += (f"passed over {', '.join(more)} in {path.name}: not in {splits['train'].name}",)
        found[split] = _of_classes(files, labels, new)
    if nested:
        for child in others:
            scan.note("a folder beside the splits", child)
        scan.note_outside(folder)
    return Listing(folder, names, found, scan.notes() + notes, folder_names=every)


def _by_table(folder: Path, table: Path, column: str | None, path_column: str | None) -> Listing:
    rows = read_table(table, path_column=path_column, label_column=column)
    scan = _Scan(folder)
    files = scan.pictures(folder)
    paths = [_relative(file, folder) for file in files]
    advice = "name one with --column NAME (load_table: column=NAME)"
    said = labelled(rows, paths, column=column, advice=advice, root=folder.resolve().name)
    names, labels = said.class_names, {place: label for place, label in said.labels.items() if label != NO_CLASS}
    if len(names) < 2:
        more = "".join(f"; {note}" for note in said.passed_over)
        got = ", ".join(names) or "none"
        raise ValueError(f"{table}: column {said.column} needs at least 2 classes, got {got}{more}")
    votes = {paths[place]: votes for place, votes in said.votes.items()}
    notes = (*scan.notes(), *said.notes, *said.passed_over, *doubtful_names(names))
    pictures = [files[place] for place in labels], list(labels.values())
    return Listing(folder, names, {"train": pictures}, notes, table, said.column, votes)


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders that are splits by their name, in any case: ``"train"``, ``"validation"``, ``"test"``."""
    found: dict[str, Path] = {}
    children = sorted(folder.iterdir())
    for split, names in SPLITS.items():
        for child in children:
            if child.name.lower() in names and child.is_dir():
                if split in found:
                    raise ValueError(f"{folder}: {found[split].name} and {child.name} are one split: keep one of them")
                found[split] = child
    return found


def _reduced(files: list[Path], images: Images) -> tuple[str, ...]:
    """A note if pictures of several sizes were reduced without a request for it."""
    height, width = images.shape[2:]
    largest = max(map(max, sizes_of(sample(files))), default=0)
    if (height, width) != (COMMON_SIZE, COMMON_SIZE) or largest <= COMMON_SIZE:
        return ()
    return (f"pictures of several sizes, up to {largest} pixels, are read at {height} x {width}: image_size=... keeps "
            "more of them",)  # fmt: skip


def _require_size(image_size: int | None) -> None:
    if image_size is not None and image_size < 1:
        raise ValueError(f"image_size must be at least 1 pixel, got {image_size}")


def _relative(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()


class _Scan:
    """One look through a folder: which folders were read, and what was passed over."""

    def __init__(self, root: Path):
        self.root = root
        self.seen: set[str] = set()
        real = Path(os.path.realpath(root))
        self.reserved = {str(real), *map(str, real.parents)}  # a link up to these would bring in every other class
        self.passed_over: Counter[str] = Counter()
        self.first: dict[str, Path] = {}

    def classes(self, folder: Path, least: int = 2) -> tuple[tuple[str, ...], list[Path], list[int]]:
        """Names of the classes, the pictures in a fixed order, and the label of each."""
        folders = sorted(self.folders_in(folder), key=lambda child: natural_key(child.name))
        if not folders:
            found = any(not child.name.startswith(".") for child in folder.iterdir())
            cause = "has no class folders" if found else "is empty"
            raise ValueError(
                f"{folder} {cause}: it needs one folder of pictures for each class, or a table of labels "
                "(gdw audit --labels FILE; gdw.data.load_table)"
            )
        self.reserved.update(map(os.path.realpath, (folder, *folders)))
        files: list[Path] = []
        labels: list[int] = []
        names: list[str] = []
        for directory in folders:
            pictures = self.pictures(directory)
            if not pictures:
                self.note("a folder without a picture", directory)
                continue
            files += pictures
            labels += [len(names)] * len(pictures)
            names.append(directory.name)
        if len(names) < least:
            passed = "".join(f"; {note}" for note in self.notes())
            only = f"only one class, {names[0]}" if names else "no class with a picture"
            raise ValueError(f"{folder} has {only}: at least {least} {'is' if least == 1 else 'are'} needed{passed}")
        self.note_outside(folder)
        return tuple(names), files, labels

    def pictures(self, folder: Path) -> list[Path]:
        """Pictures at any depth. Folders that links lead to come last: then a loop of links ends where it began."""
        found: list[Path] = []
        waiting, links = deque([folder]), deque[Path]()
        while waiting or links:
            here = (waiting or links).popleft()
            place = os.path.realpath(here)
            if place in self.seen or (here != folder and place in self.reserved):
                self.note("a link to a folder that is read elsewhere", here)
                continue
            self.seen.add(place)
            with os.scandir(here) as entries:  # knows most answers without asking the disk for each file
                children = sorted(entries, key=attrgetter("name"))
            for entry in children:
                child = here / entry.name
                if _hidden(child):
                    self.note("hidden", child)
                elif entry.is_dir():
                    (links if entry.is_symlink() else waiting).append(child)
                elif not entry.is_file():
                    self.note("a pipe, socket or device" if child.exists() else "a link that leads nowhere", child)
                elif child.suffix.lower() not in ENDINGS and not can_open(child):
                    self.note("not a picture that Pillow can open", child)
                else:
                    found.append(child)
        return sorted(found, key=attrgetter("parts"))

    def folders_in(self, folder: Path) -> list[Path]:
        return [child for child in folder.iterdir() if child.is_dir() and not _hidden(child)]

    def note(self, reason: str, path: Path) -> None:
        if path.name not in HOUSEKEEPING:
            self.passed_over[reason] += 1
            self.first.setdefault(reason, path)

    def note_outside(self, folder: Path) -> None:
        for child in sorted(folder.iterdir()):
            if _hidden(child):
                self.note("hidden", child)
            elif not child.is_dir():
                self.note("outside the class folders", child)

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"passed over {count} as {reason} (first: {self.first[reason].relative_to(self.root).as_posix()})"
            for reason, count in sorted(self.passed_over.items())
        )


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.lower() in OF_SYSTEMS


def channel_statistics(images: Images) -> Pixels:
    """Mean and deviation of each channel, by how often each shade occurs; a deviation of 0 becomes 1."""
    counts = torch.zeros(images.shape[1], 256, dtype=torch.int64)
    for batch in in_batches(images):
        for count, channel in zip(counts, batch.unbind(1), strict=True):
            count += torch.bincount(channel.flatten(), minlength=256)
    shades = torch.arange(256, dtype=torch.float64) / 255
    mean, std = [], []
    for count in counts:
        share = count.double() / int(count.sum())
        middle = (share * shades).sum()
        deviation = float((share * (shades - middle).square()).sum().sqrt())
        mean.append(float(middle))
        std.append(deviation if deviation > SMALLEST_DEVIATION else 1.0)
    return Pixels(255, tuple(mean), tuple(std), pad=min(images.shape[2:]) // 8, flip=True)
