"""Which picture a written path means: by the whole path, else by its end, else by its name without the ending."""

import re
import unicodedata
from collections import Counter
from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

SPLITS = {  # the names that folders of splits have
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
SPLIT_NAMES = frozenset(name for names in SPLITS.values() for name in names)
# What a name that is not UTF-8 holds in place of a byte, and the letter that this byte is on Windows.
LEGACY = {0xDC00 + byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(128, 256)}
LOCAL_FILE = "?d="  # Label Studio writes the path of a local file after it
# What Label Studio puts before the name of an upload, and Roboflow behind that of a copy.
ADDED = re.compile(r"^[0-9a-f]{8}-|[_.](jpe?g|png|bmp|gif|webp|tiff?)\.rf\.\w+$")
ADDITION = "the name without what a program adds to it"
AMBIGUOUS = -1


def plain(text: str) -> str:
    """One spelling for letters with accents, which systems store in two ways, and for bytes that are not UTF-8."""
    return unicodedata.normalize("NFC", text.translate(LEGACY))


@dataclass(frozen=True)
class _Found:
    """What a path may mean: a place, how it was found, and how many of its parts agree, the name included."""

    place: int
    way: str
    parts: Sequence[str]
    used: int

    @property
    def folder(self) -> str:
        """The first that does not agree; nothing where all do."""
        return "" if self.used == len(self.parts) else self.parts[-self.used - 1]

    @property
    def beyond(self) -> tuple[str, ...]:
        """The folders before it."""
        return tuple(self.parts[: -self.used - 1])


class Places:
    """The places of pictures by their paths, however a table writes them.

    The places of ``paths`` are their numbers. ``others`` are of pictures that may be named too, and are meant where no
    picture that is asked about can be; their places follow. ``root`` is the name of the folder that paths begin in.
    """

    def __init__(self, paths: Sequence[str], others: Sequence[str] = (), root: str = ""):
        self.paths = [plain(path) for path in (*paths, *others)]
        self.exact = {path: place for place, path in reversed(list(enumerate(self.paths)))}
        self.parts = [_folded(path) for path in self.paths]
        self.root = plain(root).casefold()
        self.folders = set[tuple[int, str]]()  # with how far from the name
        self.ends, self.stems, self.bare, self.numbers = (dict[str, int]() for _ in range(4))
        for place, parts in enumerate(self.parts):
            stem = _stemmed(parts)
            self.folders |= {(used, part) for used, part in enumerate(reversed(parts)) if used}
            forms = (parts, stem, _bare(stem), _number(stem))
            for index, names in zip((self.ends, self.stems, self.bare, self.numbers), forms, strict=True):
                for end in _ends(names):
                    before = index.setdefault(end, place)
                    index[end] = before if before == place or before < len(paths) <= place else AMBIGUOUS

    def find(self, written: Sequence[str]) -> tuple[list[int | None], tuple[str, ...]]:
        """The place that each written path means, None where there is none; and how those were found that differ.

        A name alone, without its folder, is enough. But where the row's next folder speaks against it (it is here too,
        or is another split, or other rows name the pictures' own folder in its place), it is enough only if no other
        row of the table could be found otherwise.
        """
        found = [self._exact(path) for path in written]
        loose = [None if place is not None else self._loose(path) for place, path in zip(found, written, strict=True)]
        own = {one.beyond for one in loose if one and one.folder and one.folder == self._next(one)}
        against = [one is not None and self._against(one, own) for one in loose]
        anything = not any(place is not None for place in found)
        anything &= not any(one and one.place != AMBIGUOUS and not bad for one, bad in zip(loose, against, strict=True))
        how: Counter[str] = Counter()
        first: dict[str, str] = {}
        several = [row for row, one in enumerate(loose) if one and one.place == AMBIGUOUS and not one.folder]
        for row, one in enumerate(loose):
            if one and one.place != AMBIGUOUS and (anything or not against[row]):
                found[row] = one.place
                how[one.way] += 1
                first.setdefault(one.way, f"{written[row]} = {self.paths[one.place]}")
        said = [f"matched {count} paths by {way} (first: {first[way]})" for way, count in how.items()]
        if several:
            said.append(f"{len(several)} paths may mean several pictures, so they mean none (first: "
                        f"{written[several[0]]}): write more of them")  # fmt: skip
        return found, tuple(said)

    def _exact(self, written: str) -> int | None:
        names = (plain(written), "/".join(_parts(written)))
        return next((self.exact[name] for name in names if name in self.exact), None)

    def _next(self, one: _Found) -> str:
        """The folder of the found picture where the path's own folder is the first that does not agree."""
        parts = self.parts[one.place]
        return parts[-one.used - 1] if one.used < len(parts) else self.root

    def _against(self, one: _Found, own: Container[tuple[str, ...]]) -> bool:
        """Whether the path means another picture, by the first folder that does not agree.

        Args:
            own: what comes before the pictures' own folder in other rows.
        """
        if not one.folder or one.place == AMBIGUOUS or one.folder == self._next(one):
            return False
        whole = one.used == len(self.parts[one.place])
        split = one.folder in SPLIT_NAMES and not (whole and one.folder in SPLITS["train"])
        return split or (one.used, one.folder) in self.folders or (whole and one.beyond in own)

    def _loose(self, written: str) -> _Found | None:
        parts = _folded(written)
        stem = _stemmed(parts)
        ways = (
            (self.ends, parts, "the end of the path"),
            (self.stems, stem, "the name without its ending"),
            (self.stems, _bare(stem), ADDITION),
            (self.bare, stem, ADDITION),
            (self.numbers, _number(stem), "the number that is the name"),
        )
        best: _Found | None = None
        for index, names, way in ways:
            ends = zip(range(len(names), 0, -1), _ends(names), strict=True)
            one = next((_Found(index[end], way, names, used) for used, end in ends if end in index), None)
            best = one if one and (best is None or one.used > best.used) else best
            if best and best.place != AMBIGUOUS and best.used == len(self.parts[best.place]):
                break  # the whole path
        return best


def _parts(written: str) -> list[str]:
    """Folders and name; of an address the path in it."""
    text = plain(written.strip())
    if LOCAL_FILE in text:
        text = unquote(text.partition(LOCAL_FILE)[2])
    elif "://" in text:
        text = unquote(re.split(r"[?#]", text.partition("://")[2])[0])
    return [part for part in text.replace("\\", "/").split("/") if part not in ("", ".")]


def _folded(written: str) -> list[str]:
    parts = _parts(written)
    return [plain(unquote(part)).casefold() for part in parts]


def _stemmed(parts: Sequence[str]) -> list[str]:
    """With the name without its ending."""
    if not parts:
        return []
    *folders, name = parts
    path = PurePosixPath(name)
    return [*folders, path.stem if re.fullmatch(r"\.[a-z][a-z0-9]{1,4}", path.suffix) else name]


def _bare(stem: Sequence[str]) -> list[str]:
    """Without what a program adds to the name of what it is given; nothing where nothing was added."""
    name = ADDED.sub("", stem[-1]) if stem else ""
    return [*stem[:-1], name] if name and name != stem[-1] else []


def _number(stem: Sequence[str]) -> list[str]:
    """With the zeros of a number taken away, as spreadsheets do; nothing where the name is none."""
    return [*stem[:-1], stem[-1].lstrip("0") or "0"] if stem and stem[-1].isdecimal() else []


def _ends(parts: Sequence[str]) -> Iterable[str]:
    """The whole, then without its first folder, and so on to the name."""
    return ("/".join(parts[start:]) for start in range(len(parts)))
