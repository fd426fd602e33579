"""What names of classes look like, before anything is trained: counts, names that agree, names that are no classes."""

import re
from collections import defaultdict
from collections.abc import Sequence

SHOWN = 20  # classes that a line lists
NONE, NO_CLASS = "none of these", -1  # of a picture that belongs to no class: in a table, and as a number
MISSING = frozenset({
    "#n/a", "-", "?", "missing", "n/a", "na", "nan", "none", "null", "tbd", "todo", "undefined", "unknown",
    "unlabeled", "unlabelled", "unsure",
})  # fmt: skip
USES = r"train(ing)?|test(ing)?|val(id(ation)?)?|fold|split|batch|part"
PART = re.compile(rf"((images?|imgs?|data)[ _-]*)?({USES})([ _-]*(set|\d+|images?))?")


def class_counts_line(names: Sequence[str], counts: Sequence[int]) -> str:
    """Each class with its number of pictures."""
    shown = ", ".join(f"{name} {count}" for name, count in list(zip(names, counts, strict=True))[:SHOWN])
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{len(names)} classes: {shown}{more}"


def doubtful_names(names: Sequence[str]) -> tuple[str, ...]:
    """Sentences on names that agree but for spaces, case or the form of a number, and on names that are no classes."""
    groups = defaultdict(list)
    for name in names:
        groups[_loose(name)].append(name)
    said = [f"{' and '.join(map(repr, group))} are taken as {len(group)} classes: are they one?"
            for group in groups.values() if len(group) > 1]  # fmt: skip
    for what, found in (
        ("a missing label", [name for name in names if name.strip().lower() in MISSING]),
        ("a fold or a split of the data", [name for name in names if PART.fullmatch(name.strip().lower())]),
    ):
        if found:
            said.append(f"{', '.join(map(repr, found[:SHOWN]))} looks like {what}, and is taken as a class")
    return tuple(said)


def _loose(name: str) -> str:
    plain = re.sub(r"[\s_-]+", " ", name.strip()).casefold()
    try:
        return f"{float(plain.replace(',', '.')):g}"
    except ValueError:
        return plain
