"""Which picture a written path means: by the whole path, else by its end, else by its name without the ending."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote

SPLITS = {  # the names that folders of splits have
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
# What a name that is not UTF-8 holds in place of a byte, and the letter that this byte is on Windows.
LEGACY = {0xDC00 + byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(128, 256)}
LOCAL_FILE = "?d="  # Label Studio writes the path of a local file after it
# What Label Studio puts before the name of an upload, and Roboflow behind that of a copy.
ADDED = re.compile(r"^[0-9a-f]{8}-|[_.](jpe?g|png|bmp|gif|webp|tiff?)\.rf\.\w+$")
AMBIGUOUS = -1


def plain(text: str) -> str:
    """One spelling for letters with accents, which systems store in two ways, and for bytes that are not UTF-8."""
    return unicodedata.normalize("NFC", text.translate(LEGACY))


class Places:
    """The places of pictures by their paths, however a table writes them.

    The places of ``paths`` are their numbers. ``others`` are of pictures that may be named too, and are meant where no
    picture that is asked about can be; their places follow.
    """

    def __init__(self, paths: Sequence[str], others: Sequence[str] = ()):
        self.paths = [plain(path) for path in (*paths, *others)]
        self.exact = {path: place for place, path in reversed(list(enumerate(self.paths)))}
        self.folders = {parts[-2] for path in self.paths if len(parts := _folded(path)) > 1}
        self.ends: dict[str, int] = {}
        self.stems: dict[str, int] = {}
        for place, path in enumerate(self.paths):
            for index, parts in ((self.ends, _folded(path)), (self.stems, _stemmed(path))):
                for end in _ends(parts):
                    before = index.setdefault(end, place)
                    index[end] = before if before == place or before < len(paths) <= place else AMBIGUOUS

    def find(self, written: Sequence[str]) -> tuple[list[int | None], tuple[str, ...]]:
        """The place that each written path means, None where there is none; and how those were found that differ.

        A name alone, without its folder, is enough. But where the row's folder is here too, and the picture is in
        another one, it is enough only if no other row of the table could be found by more than the name.
        """
        found = [self._exact(path) for path in written]
        loose = [(None, "", False) if place is not None else self._loose(path)
                 for place, path in zip(found, written, strict=True)]  # fmt: skip
        by_name_only = not any(place is not None for place in found)
        by_name_only &= not any(place is not None and not conflict for place, _, conflict in loose)
        how: Counter[str] = Counter()
        first: dict[str, str] = {}
        for row, (place, way, conflict) in enumerate(loose):
            if place is not None and (by_name_only or not conflict):
                found[row] = place
                how[way] += 1
                first.setdefault(way, f"{written[row]} = {self.paths[place]}")
        return found, tuple(f"matched {count} paths by {way} (first: {first[way]})" for way, count in how.items())

    def _exact(self, written: str) -> int | None:
        parts = _parts(written)
        bare = parts[1:] if len(parts) > 1 and parts[0].lower() in SPLITS["train"] else parts
        names = (plain(written), "/".join(parts), "/".join(bare))
        return next((self.exact[name] for name in names if name in self.exact), None)

    def _loose(self, written: str) -> tuple[int | None, str, bool]:
        """The place, how it was found, and whether it was by the name alone although the folders differ."""
        ways = (
            (self.ends, _folded(written), "the end of the path"),
            (self.stems, _stemmed(written), "the name without its ending"),
        )
        for index, parts, way in ways:
            for used, end in zip(range(len(parts), 0, -1), _ends(parts), strict=True):
                place = index.get(end)
                if place == AMBIGUOUS:
                    break
                if place is not None:
                    return place, way, used == 1 and len(parts) > 1 and parts[-2] in self.folders
        return None, "", False


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


def _stemmed(written: str) -> list[str]:
    """The same with the name alone: no ending, and nothing that a program adds to the name of what it is given."""
    if not (parts := _folded(written)):
        return []
    *folders, name = parts
    path = PurePosixPath(name)
    stem = path.stem if re.fullmatch(r"\.[a-z][a-z0-9]{1,4}", path.suffix) else name
    return [*folders, ADDED.sub("", stem) or stem]


def _ends(parts: Sequence[str]) -> Iterable[str]:
    """The whole, then without its first folder, and so on to the name."""
    return ("/".join(parts[start:]) for start in range(len(parts)))
