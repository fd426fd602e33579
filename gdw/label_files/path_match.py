"""Which picture a written path means: by the whole path, else by its end, else by its name without the ending."""

import re
import unicodedata
from collections import Counter, defaultdict
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
    """What a path may mean: a place, how it was found, and how many of its parts agree, the name included.

    ``own``: the picture's folder, or the name of the one that paths begin in, beside the path's first that differs.
    ``whole``: all of the picture's path agrees.
    """

    place: int
    way: str
    parts: Sequence[str]
    used: int
    own: str = ""
    whole: bool = False

    @property
    def folder(self) -> str:
        """The path's first folder that is not the picture's; nothing where all are."""
        following = self.parts[-self.used - 1] if self.used < len(self.parts) else self.own
        return "" if following == self.own else following

    @property
    def of_train(self) -> bool:
        return self.whole and self.folder in SPLITS["train"]

    @property
    def strength(self) -> tuple[int, int]:
        """Decides between two paths for one picture."""
        return self.used, self.of_train if self.folder else 2

    def before(self, used: int) -> tuple[int, tuple[str, ...]]:
        """The place of a folder in the path: how far it is from the name, and the folders before it."""
        return used, tuple(self.parts[: -used - 1])


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

        A name alone, without its folder, is enough. With a folder that is not the picture's, a path means none if
        another path means this picture better, or as well with a third folder. And if that folder speaks against the
        picture (it is here too, is another split, or stands where other paths name the pictures' own), it is enough
        only if no other path could be found otherwise.
        """
        every = [self._exact(path) or self._loose(path) for path in written]
        clear = [one for one in every if one and one.place != AMBIGUOUS]
        meant = {id(one) for one in _undisputed(clear)}
        named = {
            one.before(used) for one in clear for used in range(1, min(one.used + (not one.folder), len(one.parts)))
        }
        disputed = [path for path, one in zip(written, every, strict=True)
                    if one and one.place != AMBIGUOUS and id(one) not in meant]  # fmt: skip
        against = {id(one) for one in clear if self._against(one, named)}
        meant = meant - against or meant
        found: list[int | None] = [one.place if one and id(one) in meant else None for one in every]
        how: Counter[str] = Counter()
        first: dict[str, str] = {}
        for path, one in zip(written, every, strict=True):
            if one and id(one) in meant and one.way:
                how[one.way] += 1
                first.setdefault(one.way, f"{path} = {self.paths[one.place]}")
        said = [f"matched {count} paths by {way} (first: {first[way]})" for way, count in how.items()]
        rows = zip(written, every, strict=True)
        several = [path for path, one in rows if one and one.place == AMBIGUOUS and not one.folder]
        if several:
            said.append(f"{len(several)} paths may mean several pictures, so they mean none (first: {several[0]}): "
                        "write more of them")  # fmt: skip
        if disputed:
            said.append(f"{len(disputed)} paths with another folder end as a picture that other paths mean too, so "
                        f"they mean none (first: {disputed[0]})")  # fmt: skip
        return found, tuple(said)

    def _exact(self, written: str) -> _Found | None:
        names = (plain(written), "/".join(_parts(written)))
        place = next((self.exact[name] for name in names if name in self.exact), None)
        return None if place is None else _Found(place, "", self.parts[place], len(self.parts[place]), whole=True)

    def _against(self, one: _Found, named: Container[tuple[int, tuple[str, ...]]]) -> bool:
        """Whether the path means another picture, by the first folder that does not agree.

        Args:
            named: where other paths name folders of the pictures.
        """
        split = one.folder in SPLIT_NAMES and not one.of_train
        here = (one.used, one.folder) in self.folders or one.before(one.used) in named
        return bool(one.folder) and (split or here)

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
            one = next((self._found(index[end], way, names, used) for used, end in ends if end in index), None)
            if one is None or (index is self.numbers and one.folder):
                continue  # a number alone is too little where a folder differs
            best = one if best is None or one.used > best.used else best
            if best.whole:
                break
        return best

    def _found(self, place: int, way: str, parts: Sequence[str], used: int) -> _Found:
        if place == AMBIGUOUS:
            return _Found(place, way, parts, used)
        picture = self.parts[place]
        whole = used == len(picture)
        return _Found(place, way, parts, used, self.root if whole else picture[-used - 1], whole)


def _undisputed(found: Sequence[_Found]) -> list[_Found]:
    """Without paths with a folder that is not the picture's where another path means it better, or as well.

    In the second case none of the paths with such a folder at the same place can be relied on.
    """
    rivals = defaultdict[int, dict[tuple[str, ...], tuple[int, int]]](dict)
    for one in found:
        beyond = tuple(one.parts[: -one.used]) if one.folder else ()
        rivals[one.place][beyond] = max(one.strength, rivals[one.place].get(beyond, (0, 0)))
    best = {place: max(of.values()) for place, of in rivals.items()}
    equal = {place for place, of in rivals.items() if list(of.values()).count(best[place]) > 1}
    strong = [one for one in found if not one.folder or one.strength == best[one.place]]
    doubtful = {one.before(one.used) for one in strong if one.folder and one.place in equal}
    return [one for one in strong if not one.folder or one.before(one.used) not in doubtful]


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
