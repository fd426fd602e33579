"""Folders of pictures: what is in them is listed once, with labels from folders or from a table, and then decoded."""

import os
import re
import warnings
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from gdw.cache import content_of_files
from gdw.data.class_names import class_counts_line, doubtful_names
from gdw.data.dataset import PARTS, Dataset
from gdw.data.label_table import read_table
from gdw.data.on_disk import Images, OnDisk, in_batches
from gdw.data.path_match import SPLITS
from gdw.data.picture_labels import labelled, no_picture
from gdw.data.pictures import COMMON_SIZE, broken_pictures, broken_places, can_open, decode, sample, sizes_of
from gdw.data.pixels import CIFAR_PIXELS, Pixels

ENDINGS = (
    ".avif", ".bmp", ".dcm", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif",
    ".tiff", ".webp",
)  # fmt: skip
HOUSEKEEPING = (".DS_Store", "Thumbs.db", "desktop.ini")  # put there by the system; not counted
CIFAR10_CLASSES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
CIFAR_SIZE = (32, 32)  # pixels, height and width
UNCOUNTED = Pixels(255)  # of pictures that a network will see: their shades are counted when a task trains on them
SMALLEST_DEVIATION = 1e-6  # of the range of shades; anything below is rounding
SHOWN_ASIDE = 20  # classes, and pictures, that a note names
DIGITS = 20  # places a number in a name is compared by: longer than any counter


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
        aside: path to class of the pictures that were put aside, because their class is too small.
    """

    folder: Path
    class_names: tuple[str, ...]
    splits: dict[str, tuple[list[Path], list[int]]]
    notes: tuple[str, ...]
    table: Path | None = None
    column: str | None = None
    votes: dict[str, dict[str, str]] = field(default_factory=dict)
    aside: dict[str, str] = field(default_factory=dict)

    @property
    def counts(self) -> str:
        """Each class with its number of training pictures, in words."""
        counts = Counter(self.labels)
        return class_counts_line(self.class_names, [counts[label] for label in range(len(self.class_names))])

    def without_small_classes(self, least: int) -> "Listing":
        """Classes with fewer training pictures are put aside, and said; unless fewer than two would be left."""
        counts = Counter(self.labels)
        kept = [label for label in range(len(self.class_names)) if counts[label] >= least]
        if len(kept) < 2 or len(kept) == len(self.class_names):
            return self
        new = {label: number for number, label in enumerate(kept)}
        splits, aside = {}, dict[str, str]()
        for split, (files, labels) in self.splits.items():
            both = list(zip(files, labels, strict=True))
            good = [(file, new[label]) for file, label in both if label in new]
            aside |= {_relative(file, self.folder): self.class_names[label] for file, label in both if label not in new}
            if good:
                splits[split] = [file for file, _ in good], [label for _, label in good]
        small = [f"{name} ({counts[label]})" for label, name in enumerate(self.class_names) if label not in new]
        shown = ", ".join(f"{path} as {name}" for path, name in list(aside.items())[:SHOWN_ASIDE])
        more = f" and {len(aside) - SHOWN_ASIDE} more" if len(aside) > SHOWN_ASIDE else ""
        note = (
            f"put aside {len(small)} classes with fewer than {least} pictures: {', '.join(small[:SHOWN_ASIDE])}; "
            f"look at their pictures first: {shown}{more}"
        )
        names = tuple(self.class_names[label] for label in kept)
        return replace(self, class_names=names, splits=splits, notes=(*self.notes, note), aside=aside)

    def without(self, places: Sequence[int]) -> "Listing":
        """These of the pictures in ``files`` cannot be decoded: they are passed over, and said.

        Raises:
            ValueError: a class has no other picture to train on; names the pictures.
        """
        if not places:
            return self
        broken = {self.files[place] for place in places}
        kept = {split: [(file, label) for file, label in zip(*both, strict=True) if file not in broken]
                for split, both in self.splits.items()}  # fmt: skip
        said = broken_pictures([file for file in self.files if file in broken])
        if lost := set(self.labels) - {label for _, label in kept["train"]}:
            raise ValueError(f"{self.folder}: class {self.class_names[min(lost)]} has no other picture: {said}")
        splits = {
            split: ([file for file, _ in both], [label for _, label in both]) for split, both in kept.items() if both
        }
        return replace(self, splits=splits, notes=(*self.notes, f"passed over {said}"))

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
        """Paths of the pictures of a validation and a test set, and of those that were put aside."""
        held = [path for split in self.splits if split != "train" for path in self.paths_of(split)]
        return (*held, *self.aside)

    @property
    def labels(self) -> tuple[int, ...]:
        """Of the training pictures."""
        return tuple(self.splits["train"][1])


def load_folder(folder: Path, image_size: int | None = None, seen_at: int | None = None) -> Dataset:
    """The data set in ``class/...``, or in ``train/class/...`` with ``val/...`` and ``test/...``; in colour.

    Pictures keep their size if they all have one; otherwise, or with ``image_size``, the middle square of each
    is resized (:func:`gdw.data.pictures.decode`). Means and deviations of the channels are those of the training
    pictures; training pictures are flipped and shifted by up to an eighth of their size. A folder of CIFAR-10's classes
    in CIFAR's size takes the published numbers. Runs on it then follow the published protocol.

    Args:
        folder: see :func:`list_folder`. What is passed over is reported in one warning and kept in the data set's
            ``notes``.
        image_size: height and width in pixels.
        seen_at: see ``decode``.

    Raises:
        ValueError: an empty folder, one class, a class without a picture that can be decoded, splits whose classes
            differ.
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
        table: in any form of :mod:`gdw.data.label_table`. The
            classes are the words in the column, in natural order (2 before 10).
        column: which column; by default as for ``human:PATH`` (:mod:`gdw.data.human_labels`).
        image_size: height and width in pixels; default the pictures' own if all are of one size, else 32.
        seen_at: of a network that will see the pictures (:func:`gdw.data.pictures.decode`).

    Raises:
        ValueError: see :func:`gdw.data.label_table.read_table`; fewer than two classes; a class of
            broken pictures.
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
    """The data set of a listing. Pictures for a network, and more than fit in memory, stay in their files.

    Args:
        image_size, seen_at: see :func:`gdw.data.pictures.decode`.
        stacklevel: of the one warning of all that was passed over.
        content: whether to hash the files.

    Raises:
        ValueError: a class of broken pictures alone. Other broken pictures are passed over, and named in ``notes``.
    """
    images, broken = decode(found.files, image_size, seen_at, found.table and found.table.absolute())
    if isinstance(images, OnDisk) and seen_at is None:
        broken = broken_places(found.files, (images.shape[2], images.shape[3]))
        images = images[np.delete(np.arange(len(images)), broken)]
    found = found.without(broken)
    parts = images.split([len(labels) for _, labels in found.splits.values()])
    fields = {}
    for split, part in zip(found.splits, parts, strict=True):
        prefix = PARTS["training" if split == "train" else split]
        fields[f"{prefix}images"], fields[f"{prefix}labels"] = part, torch.tensor(found.splits[split][1])
        fields[f"{prefix}paths"] = found.paths_of(split)
    notes = found.notes + (_reduced(found.files, images) if image_size is None and seen_at is None else ())
    if notes:
        warnings.warn(f"{found.folder}: {'; '.join(notes)}", stacklevel=stacklevel)
    if found.table:
        notes += (f"the labels are those of {found.table.name}, column {found.column}: they may be wrong",)
    published = found.table is None and found.class_names == CIFAR10_CLASSES and images.shape[2:] == CIFAR_SIZE
    usual = CIFAR_PIXELS if published else channel_statistics(parts[0]) if seen_at is None else UNCOUNTED
    return Dataset(
        found.folder.resolve().name,
        found.class_names,
        **fields,
        pixels=usual,
        notes=notes,
        content=None if found.table or not content else content_of_files(found.folder, found.files),
    )


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
    """Every picture in a folder, at any depth, in a fixed order; and what was passed over.

    Raises:
        FileNotFoundError: no such folder.
        ValueError: it has no picture.
    """
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder of pictures {folder}")
    scan = _Scan(folder)
    found = scan.pictures(folder)
    if not found:
        raise ValueError("; ".join((f"{folder} has no picture", *scan.notes())))
    return found, scan.notes()


def _by_folders(folder: Path) -> Listing:
    scan, splits = _Scan(folder), split_folders(folder)
    named = " and ".join(path.name for path in splits.values())
    nested = any(scan.folders_in(split) for split in splits.values())
    others = [child for child in scan.folders_in(folder) if child not in splits.values()]
    if splits and not nested and not others:
        raise ValueError(f"{named} in {folder} must hold one folder of pictures for each class")
    if nested and "train" not in splits:
        raise ValueError(f"{folder} has {named}, but no folder train with the classes to train on")
    found = {
        split: scan.classes(path, 2 if split == "train" else 1)
        for split, path in (splits if nested else {"train": folder}).items()
    }
    names = found["train"][0]
    notes = doubtful_names(names)
    for split, (theirs, files, labels) in list(found.items()):
        if not set(theirs) & set(names):
            raise ValueError(f"{folder}: {splits['train'].name} and {splits[split].name} have no class in common")
        if lacking := [name for name in names if name not in theirs]:
            notes += (f"{splits[split].name} has no picture of {', '.join(lacking)}",)
        if more := [name for name in theirs if name not in names]:
            notes += (f"passed over {', '.join(more)} in {splits[split].name}: not in {splits['train'].name}",)
        good = [(file, names.index(theirs[label])) for file, label in zip(files, labels, strict=True)
                if theirs[label] in names]  # fmt: skip
        found[split] = names, [file for file, _ in good], [label for _, label in good]
    if nested:
        for child in others:
            scan.note("a folder beside the splits", child)
        scan.note_outside(folder)
    return Listing(
        folder,
        names,
        {split: (files, labels) for split, (_, files, labels) in found.items()},
        scan.notes() + notes,
    )


def _by_table(folder: Path, table: Path, column: str | None, path_column: str | None) -> Listing:
    rows = read_table(table, path_column=path_column)
    scan = _Scan(folder)
    files = scan.pictures(folder)
    paths = [_relative(file, folder) for file in files]
    said = labelled(rows, column, paths, advice="name one with --column NAME (load_table: column=NAME)")
    names = tuple(sorted(set(said.words.values()), key=natural_key))
    if len(names) < 2:
        if said.unknown:
            raise no_picture(table, said.unknown, paths)
        raise ValueError(f"{table}: column {said.column} needs at least 2 classes, got {', '.join(names) or 'none'}")
    found = [files[place] for place in said.words], [names.index(word) for word in said.words.values()]
    votes = {paths[place]: votes for place, votes in said.votes.items()}
    notes = [*scan.notes(), *said.notes, *said.passed_over(paths, table.name), *doubtful_names(names)]
    return Listing(folder, names, {"train": found}, tuple(notes), table, said.column, votes)


def natural_key(name: str) -> tuple[str, str]:
    """Sorts names as people count: ``2`` before ``10``; names without digits in alphabetical order."""
    return re.sub(r"[0-9]+", lambda number: number[0].zfill(DIGITS), name), name


def split_folders(folder: Path) -> dict[str, Path]:
    """The folders that are splits by their name, in any case: ``"train"``, ``"validation"``, ``"test"``.

    Raises:
        ValueError: two folders for one split.
    """
    found: dict[str, Path] = {}
    for child in sorted(folder.iterdir()):
        for split, names in SPLITS.items():
            if child.name.lower() in names and child.is_dir():
                if split in found:
                    raise ValueError(f"{folder}: {found[split].name} and {child.name} are one split: keep one of them")
                found[split] = child
    return {split: found[split] for split in SPLITS if split in found}


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
        self.reserved |= {os.path.realpath(directory) for directory in (folder, *folders)}
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
                children = sorted(entries, key=lambda entry: entry.name)
            for entry in children:
                child = here / entry.name
                if _hidden(child):
                    self.note("hidden", child)
                elif entry.is_dir():
                    (links if entry.is_symlink() else waiting).append(child)
                elif self.is_picture(child, entry):
                    found.append(child)
        return sorted(found, key=lambda file: file.relative_to(folder).parts)

    def is_picture(self, file: Path, entry: "os.DirEntry[str]") -> bool:
        """Whether to read it; if not, the reason is counted."""
        reason = None
        if not entry.is_file():
            reason = "a pipe, socket or device" if file.exists() else "a link that leads nowhere"
        elif file.suffix.lower() not in ENDINGS and not can_open(file):
            reason = "not a picture that Pillow can open"
        if reason:
            self.note(reason, file)
        return reason is None

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
    return path.name.startswith(".") or path.name == "__MACOSX"


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
