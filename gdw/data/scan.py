"""One look through a folder of pictures: the files of each class in each split, and what was passed over, and why."""

import os
import re
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path

from gdw.data.picture import can_open

ENDINGS = (
    ".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif",
    ".tiff", ".webp",
)  # fmt: skip
SPLITS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
HOUSEKEEPING = (".DS_Store", "Thumbs.db", "desktop.ini")  # systems leave these in folders; nobody misses them
HIDDEN = "hidden"
NOT_A_PICTURE = "not a picture that Pillow can open"
SPECIAL = "a pipe, socket or device"
DEAD_LINK = "a link that leads nowhere"
TWICE = "a link to a folder that is read elsewhere"
OUTSIDE = "outside the class folders"
BESIDE = "a folder beside the splits"
DIGITS = 20  # places a number in a name is compared by: longer than any counter


@dataclass(frozen=True)
class Scan:
    """What a folder holds.

    Attributes:
        class_names: in natural order.
        nested: whether the classes are in folders of their split.
        splits: for ``"train"``, and ``"validation"`` and ``"test"`` where there are such folders: the pictures in
            the order of the classes, and the label of each.
        notes: how many files and folders were passed over, for each reason.
    """

    class_names: tuple[str, ...]
    nested: bool
    splits: dict[str, tuple[list[Path], list[int]]]
    notes: tuple[str, ...]


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


def scan(folder: Path) -> Scan:
    """Look through ``class/...``, or ``train/class/...`` with ``val/class/...`` and ``test/class/...``.

    Folders of splits are known by their usual names in any case (``SPLITS``), where they hold folders themselves.
    Hidden names are passed over at every depth; pipes, sockets and devices are never opened; a folder that links
    reach twice is read once. A picture is known by its ending, otherwise by its first bytes.

    Raises:
        ValueError: no class folders, one class, a class without a picture, splits without a training split, splits
            whose classes differ.
    """
    looking = _Looking(folder)
    splits = split_folders(folder)
    nested = any(looking.folders_in(split) for split in splits.values())
    if not nested:
        _refuse_splits_without_classes(folder, splits, looking)
        names, files, labels = looking.classes(folder)
        return looking.result(names, False, {"train": (files, labels)})
    if "train" not in splits:
        raise ValueError(f"{folder} has {_listed(splits)}, but no folder train with the classes to train on")
    found: dict[str, tuple[list[Path], list[int]]] = {}
    for split in splits:
        split_names, files, labels = looking.classes(splits[split])
        names = split_names if split == "train" else names
        if split_names != names:
            raise ValueError(
                f"{folder}: {splits['train'].name} and {splits[split].name} must hold the same classes, "
                f"got {names} and {split_names}"
            )
        found[split] = files, labels
    looking.note_what_is_beside(splits)
    return looking.result(names, True, found)


def pictures_below(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Every picture in a folder, at any depth, whatever the folders are called; with the notes as in ``Scan``."""
    looking = _Looking(folder)
    return looking.pictures(folder), looking.notes()


def _refuse_splits_without_classes(folder: Path, splits: dict[str, Path], looking: "_Looking") -> None:
    others = [child for child in looking.folders_in(folder) if child not in splits.values()]
    if splits and not others:
        raise ValueError(f"{_listed(splits)} in {folder} must hold one folder of pictures for each class")


def _listed(splits: dict[str, Path]) -> str:
    return " and ".join(path.name for path in splits.values())


class _Looking:
    """The state of one scan of a folder: where it has been, and what it passed over."""

    def __init__(self, root: Path):
        self.root = root
        self.seen: set[str] = set()
        real = Path(os.path.realpath(root))
        self.reserved = {str(real), *map(str, real.parents)}  # a link up to these would bring in every other class
        self.passed_over: Counter[str] = Counter()
        self.first: dict[str, Path] = {}

    def classes(self, folder: Path) -> tuple[tuple[str, ...], list[Path], list[int]]:
        """Names of the classes, the pictures in a fixed order, and the label of each."""
        folders = sorted(self.folders_in(folder), key=lambda child: natural_key(child.name))
        if not folders:
            found = any(not child.name.startswith(".") for child in folder.iterdir())
            cause = "has no class folders" if found else "is empty"
            raise ValueError(f"{folder} {cause}: it needs one folder of pictures for each class")
        if len(folders) == 1:
            raise ValueError(f"{folder} has only one class, {folders[0].name}: at least 2 are needed")
        self.reserved |= {os.path.realpath(directory) for directory in (folder, *folders)}
        files: list[Path] = []
        labels: list[int] = []
        for label, directory in enumerate(folders):
            pictures = self.pictures(directory)
            if not pictures:
                passed = "".join(f"; {note}" for note in self.notes())
                raise ValueError(f"class {directory.name} has no picture in {directory}{passed}")
            files += pictures
            labels += [label] * len(pictures)
        self.note_outside(folder)
        return tuple(directory.name for directory in folders), files, labels

    def pictures(self, folder: Path) -> list[Path]:
        """Pictures at any depth. Folders that links lead to come last: then a loop of links ends where it began."""
        found: list[Path] = []
        waiting, links = deque([folder]), deque()
        while waiting or links:
            here = (waiting or links).popleft()
            place = os.path.realpath(here)
            if place in self.seen or (here != folder and place in self.reserved):
                self.note(TWICE, here)
                continue
            self.seen.add(place)
            with os.scandir(here) as entries:  # knows most answers without asking the disk for each file
                children = sorted(entries, key=lambda entry: entry.name)
            for entry in children:
                child = here / entry.name
                if _hidden(child):
                    self.note(HIDDEN, child)
                elif entry.is_dir():
                    (links if entry.is_symlink() else waiting).append(child)
                elif self.is_picture(child, entry):
                    found.append(child)
        return sorted(found, key=lambda file: file.relative_to(folder).parts)

    def is_picture(self, file: Path, entry: os.DirEntry) -> bool:
        """Whether to read it; if not, the reason is counted."""
        reason = None
        if not entry.is_file():
            reason = SPECIAL if file.exists() else DEAD_LINK
        elif file.suffix.lower() not in ENDINGS and not can_open(file):
            reason = NOT_A_PICTURE
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
                self.note(HIDDEN, child)
            elif not child.is_dir():
                self.note(OUTSIDE, child)

    def note_what_is_beside(self, splits: dict[str, Path]) -> None:
        for child in self.folders_in(self.root):
            if child not in splits.values():
                self.note(BESIDE, child)
        self.note_outside(self.root)

    def notes(self) -> tuple[str, ...]:
        return tuple(
            f"passed over {count} as {reason} (first: {self.first[reason].relative_to(self.root).as_posix()})"
            for reason, count in sorted(self.passed_over.items())
        )

    def result(self, names: tuple[str, ...], nested: bool, splits: dict[str, tuple[list[Path], list[int]]]) -> Scan:
        return Scan(names, nested, splits, self.notes())


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name == "__MACOSX"
