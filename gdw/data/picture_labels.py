"""The one way from a table to class numbers: each row's picture, the label that most annotators gave, its class."""

import re
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from gdw.data.dataset import SHOWN, Dataset
from gdw.errors import unknown
from gdw.label_files.columns import (
    CLEAN_KEY,
    LABEL_COLUMNS,
    MULTI_LABEL,
    NAME_ONE,
    chosen_column,
    other_export,
    usual_columns,
    votes_among,
    without_rejected,
)
from gdw.label_files.label_table import Table
from gdw.label_files.path_match import Places, plain
from gdw.label_files.row_names import row_key

# What a review says of a picture that has no class: it belongs to none; nobody has decided yet.
NONE, NO_CLASS, UNSURE = "none of these", -1, "unsure"
STRANGE = -2  # of a word that is no class
MOST_STRANGE = 0.1  # of the labels of a table; with more, its classes are others
FEW_STRANGE = 3  # labels: as many may be typos in any table, but not most
NAMED = 3  # paths that an error shows
DIGITS = 20  # places a number in a name is compared by: longer than any counter
BELOW = re.compile(r"-[0-9]+(\.0+)?")
WHOLE = re.compile(r"(-?[0-9]+)\.0+")  # as pandas writes whole numbers of which one is missing
THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+")
WRITTEN = re.compile(r"([+-]?)([0-9]+)(?:[.,]([0-9]+))?")  # a number: no exponent, which names of files may look like
BETWEEN = "|;,"  # several classes in one cell
PEOPLE = re.compile(  # a column that says who gave a label
    r"(annotator|worker|rater|user|labell?er|coder|reviewer|judge|expert|reader)s?[ _-]*(name|id|email|code)?"
    r"|(completed|annotated|labell?ed|rated|reviewed)[ _-]*by", re.I
)  # fmt: skip
MISSING = frozenset({
    "#n/a", "-", "?", "missing", "n/a", "na", "nan", "none", "null", "tbd", "todo", "undefined", "unknown",
    "unlabeled", "unlabelled", UNSURE, NONE,
})  # fmt: skip
USES = r"train(ing)?|test(ing)?|val(id(ation)?)?|fold|split|batch|part"
PART = re.compile(rf"((images?|imgs?|data)[ _-]*)?({USES})([ _-]*(set|\d+|images?))?")


@dataclass(frozen=True)
class Labelled:
    """What a table says of each picture.

    Attributes:
        labels: place to class number; of several annotators, of the label that most of them gave.
        class_names: of these numbers.
        votes: place to annotator to label; empty where there is one label a picture.
        column: of the labels.
        notes: how paths were matched, and what of the table was passed over.
        passed_over: how many pictures have no label that counts, and how many rows no picture, in words.
    """

    labels: dict[int, int]
    class_names: tuple[str, ...]
    votes: dict[int, dict[str, str]]
    column: str
    notes: tuple[str, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True)
class Answers:
    """What the rows of a table say of each picture.

    Attributes:
        of: place to row, person (or column) and word of each answer, in the order of the rows.
        columns: of the labels.
        missing: paths of no picture.
        notes: how paths were matched, and what of the table was passed over.
    """

    of: dict[int, list[tuple[int, str, str]]]
    columns: tuple[str, ...]
    missing: list[str]
    notes: tuple[str, ...]


def answered(
    table: Table, paths: Sequence[str], others: Sequence[str] = (), column: str | None = None,
    class_names: Sequence[str] | None = None, *, advice: str = NAME_ONE, first: Sequence[str] = (), blank: bool = True,
    root: str = "",
) -> Answers:  # fmt: skip
    """Choose columns, match rows to pictures, and read the answers: the one way from a table's rows to pictures.

    Args:
        first: names of columns of labels that come before the usual ones.
        blank: whether rows without a label count: as rows of no picture, say.

    The other arguments and errors are those of ``labelled``.
    """
    columns = _voters(table, column, advice, first)
    people = [name for name in table.columns if PEOPLE.fullmatch(name.strip()) and name not in columns]
    who = people[0] if people and len(columns) == 1 else None
    given, rejected = without_rejected(table.columns, columns, class_names or ())
    meant = {name: as_meant(words, class_names or ()) for name, words in given.items()}
    asked = [row for row in range(len(table.paths)) if blank or any(words[row] for words in meant.values())]
    rows_of, missing, how = match(table, paths, others, asked, root)
    of = {
        place: [(row, (table.columns[who][row] or f"nameless {number}") if who else name, words[row])
                for number, row in enumerate(rows, 1) for name, words in meant.items() if words[row]]
        for place, rows in sorted(rows_of.items())
    }  # fmt: skip
    return Answers(of, tuple(columns), missing, (*table.notes, *rejected, *how))


def labelled(
    table: Table, paths: Sequence[str], others: Sequence[str] = (), column: str | None = None,
    class_names: Sequence[str] | None = None, advice: str = NAME_ONE, root: str = "",
) -> Labelled:  # fmt: skip
    """The label of each picture that the table names, and all that is in doubt.

    Args:
        paths: of the pictures. ``others``: of pictures that may be named and are not asked about.
        column: of labels; several with commas between them are those of several annotators. None: by its name.
        class_names: None: the words in the table, in natural order.
        advice: how a column is named, for a message.
        root: the name of the folder that paths begin in.
    """
    found = answered(table, paths, others, column, class_names, advice=advice, root=root)
    answers = {place: [(who, word) for _, who, word in given] for place, given in found.of.items()}
    words, votes, differing, repeated, undecided, ties = _most_said(answers)
    labels, _, names, note = numbered(words, class_names, table.path, paths)
    shown = ", ".join(found.columns)

    def passed(what: str, places: Iterable[int]) -> tuple[str, ...]:
        return passed_over(what, [paths[place] for place in places])

    said = (
        *passed(f"as not in {table.path.name}", [place for place in range(len(paths)) if place not in answers]),
        *passed(f"as without a label in column {shown}", [place for place, given in answers.items() if not given]),
        *passed("as labelled twice, differently", differing),
        *note,
        *no_picture_notes(found.missing, table.path),
        *passed("that belong to no class", [place for place, label in labels.items() if label == NO_CLASS]),
    )
    notes = (*found.notes, *((f"{repeated} rows repeat a picture",) if repeated else ()))
    if ties:
        notes += (
            f"for {ties} pictures as many said another label: theirs is the one that is more frequent elsewhere, "
            "or else the last in the alphabet",
        )
    if undecided:
        notes += (f"passed over {undecided} times an annotator who gave a picture several labels that others labelled",)
    return Labelled(labels, names, votes, shown, notes, said)


def _most_said(
    answers: Mapping[int, Sequence[tuple[str, str]]],
) -> tuple[dict[int, str], dict[int, dict[str, str]], list[int], int, int, int]:
    """The label that most annotators gave; of several, the most frequent elsewhere, or else the last in the alphabet.

    Who gave a picture several labels does not count there.

    Args:
        answers: place to annotators and words.

    Returns:
        Place to word; place to annotator to word, if there are several annotators; places to which nobody gave a single
        label; how many answers repeat one; how many annotators do not count, over all places; for how many places as
        many said another word.
    """
    usual = Counter(word for given in answers.values() for _, word in given)
    words, votes, differing = dict[int, str](), dict[int, dict[str, str]](), list[int]()
    repeated = undecided = ties = 0
    for place, given in answers.items():
        different = Counter(who for who, _ in set(given))
        people = {who: word for who, word in given if different[who] == 1}
        if people:
            counts = Counter(people.values())
            words[place] = max(counts, key=lambda word: (counts[word], usual[word], word))
            votes[place] = people
            ties += list(counts.values()).count(max(counts.values())) > 1
            undecided += len(different) - len(people)
            repeated += len(given) - sum(different.values())
        elif given:
            differing.append(place)
    votes = votes if any(len(people) > 1 for people in votes.values()) else {}
    return words, votes, differing, repeated, undecided, ties


def _voters(table: Table, column: str | None, advice: str, first: Sequence[str]) -> list[str]:
    """The columns of labels: one; or one for each annotator, named with commas or known by their names and words."""
    if column is not None and column not in table.columns and "," in column:
        return [chosen_column(table.columns, name.strip(), table.path, advice) for name in column.split(",")]
    votes = {name: words for name in votes_among(table.columns) if (words := set(filter(None, table.columns[name])))}
    if column is None and len(votes) > 1 and not usual_columns(table.columns, (*first, *LABEL_COLUMNS)):
        others = Counter(word for words in votes.values() for word in words)
        if all(any(others[word] > 1 for word in words) for words in votes.values()):
            return list(votes)
    return [chosen_column(table.columns, column, table.path, advice, first)]


def match(
    table: Table, paths: Sequence[str], others: Sequence[str] = (), rows: Sequence[int] | None = None, root: str = ""
) -> tuple[dict[int, list[int]], list[str], tuple[str, ...]]:
    """The rows of each picture that is named, in the order of the rows.

    Args:
        others: of pictures that may be named and are not asked about.
        rows: which rows of the table.
        root: the name of the folder that paths begin in.

    Returns:
        Place to rows; the paths of no picture; how paths were matched, in words.
    """
    rows = range(len(table.paths)) if rows is None else rows
    found, how = Places(paths, others, root).find([table.paths[row] for row in rows])
    missing = [table.paths[row] for row, place in zip(rows, found, strict=True) if place is None]
    if missing and len(missing) == len(rows):
        raise no_picture(table.path, missing, paths, how)
    if all(Path(path).stem.isdecimal() for path in paths):
        counts = [{*map(str, range(start, start + len(paths)))} for start in (0, 1)]
        named = [{row_key(Path(name).stem) for name in names} for names in (table.paths, paths)]
        if named in (counts, counts[::-1]):
            own = counts.index(named[0])
            raise ValueError(
                f"{table.path} numbers its rows from {own}, but the pictures are numbered from {1 - own}: write the "
                "names of the pictures"
            )
    rows_of: dict[int, list[int]] = {}
    for row, place in zip(rows, found, strict=True):
        if place is not None and place < len(paths):
            rows_of.setdefault(place, []).append(row)
    return rows_of, missing, how


def labels_by_path(table: Table, column: str, dataset: Dataset) -> Int[Tensor, "images"]:
    """The label of each training picture of a data set from a folder; -1 where the table has none that counts.

    Such pictures (not in the table, in no class or one that was put aside, labelled twice), rows of no picture, and
    what the table itself says, are said in a warning. Rows of the data set's own test and validation pictures are not
    needed.
    """
    if dataset.paths is None:
        raise ValueError(
            f"{table.path} names pictures by path, but {dataset.name} is not read from a folder of pictures"
        )
    others = (*(dataset.test_paths or ()), *(dataset.validation_paths or ()))
    known = names_counted(table, column, dataset)
    found = labelled(table, dataset.paths, others, column, known, root=dataset.name)
    own = {label: dataset.class_names.index(name) for label, name in enumerate(known)
           if name in dataset.class_names}  # fmt: skip
    labels = torch.full((len(dataset.paths),), NO_CLASS)
    labels[list(found.labels)] = torch.tensor([own.get(label, NO_CLASS) for label in found.labels.values()]).long()
    aside = Counter(
        found.class_names[label] for label in found.labels.values() if label not in own and label != NO_CLASS
    )
    said = (*table.notes, *found.passed_over)
    said += tuple(f"passed over {count} labelled {name}, a class that was put aside" for name, count in aside.items())
    if said:
        warnings.warn(f"{table.path}: {'; '.join(said)}", stacklevel=2)
    return labels


def numbered_names(dataset: Dataset, names: tuple[str, ...], numbers: Sequence[int]) -> tuple[str, ...]:
    """What numbers of classes count: these names, or, where one is too large for them, all folders of the data set."""
    return names if max(numbers, default=0) < len(names) else dataset.folder_names


def names_counted(table: Table, column: str, dataset: Dataset) -> tuple[str, ...]:
    """What numbers of classes in a column count, by the largest one in it and in the clean labels beside it."""
    words = (*table.columns[column], *table.columns.get(CLEAN_KEY, ()))
    return numbered_names(dataset, dataset.all_class_names, [int(word) for word in map(class_number, words) if word])


def numbered(
    words: Mapping[int, str], class_names: Sequence[str] | None, table: Path, paths: Sequence[str]
) -> tuple[dict[int, int], dict[int, str], tuple[str, ...], tuple[str, ...]]:
    """The class number of each place; the words that are no class, by place; the names of the classes; a note of them.

    Raises:
        ValueError: most words are no class, or more than three and a tenth of them; or a number is none.
    """
    numbers, names = class_numbers(words.values(), class_names, str(table), MOST_STRANGE)
    strange = {place: word for (place, word), number in zip(words.items(), numbers, strict=True) if number == STRANGE}
    said = [paths[place] for place in strange]
    if said:
        said[0] += f": {unknown('class', next(iter(strange.values())), names)}"
    labels = {place: number for place, number in zip(words, numbers, strict=True) if number != STRANGE}
    return labels, strange, names, passed_over("labels that are no class", said)


def passed_over(what: str, names: Sequence[str]) -> tuple[str, ...]:
    """How many were, and the first one, in words; nothing where there are none."""
    return (f"passed over {len(names)} {what} (first: {names[0]})",) if names else ()


def no_picture_notes(missing: Sequence[str], table: Path) -> tuple[str, ...]:
    """How many rows name no picture, in words; nothing where there are none."""
    return (f"{len(missing)} rows of {table.name} name no picture here (first: {missing[0]})",) if missing else ()


def no_picture(table: Path, missing: Sequence[str], paths: Sequence[str], how: Sequence[str] = ()) -> ValueError:
    """For rows that name no picture, with an example of how pictures are called here, and how they were matched."""
    more = f" and {len(missing) - NAMED} more paths" if len(missing) > NAMED else ""
    near = "".join(f"; {note}" for note in ([f"a picture here is {paths[0]}"] if paths else []) + [*how])
    named = ", ".join(missing[:NAMED])
    return ValueError(f"{table}: no picture here is called {named}{more}{near}{other_export(table)}")


# ---- words and classes ----------------------------------------------------------------------------------------------


def as_meant(words: Iterable[str], class_names: Sequence[str] = (), places: bool = True) -> list[str]:
    """Words of labels: "none of these" in any case, "unsure" as no label, a number as its class, by name.

    Not where a class is called so; nor is a number anything else where the name of a class is a number. A name in
    another case, with other spaces or as another form of a number (spreadsheets make 1 of 01) is the one class that
    agrees with it.

    Args:
        places: the classes are all there are, in the order of their numbers.
    """
    words, known = list(map(plain, words)), dict.fromkeys(map(plain, class_names))
    counted = places and not any(map(as_number, known))
    numbers = {str(number): name for number, name in enumerate(known)} if counted else {}
    agree = Counter(map(loose, known))
    meant = numbers | {loose(name): name for name in known if agree[loose(name)] == 1} | {"": ""}
    meant |= {NONE: NONE, UNSURE: ""}
    said = {word: word if word in known else meant.get(loose(word), word) for word in set(words)}
    return [said[word] for word in words]


def class_numbers(
    words: Iterable[str], class_names: Sequence[str] | None, where: str, most_strange: float = 0
) -> tuple[list[int], tuple[str, ...]]:
    """The class of each word, and the names of the classes. -1 for no label and "none of these"; -2: no class.

    Numbers below 0 are no label, beside numbers of at least two classes or where the classes are known.

    Args:
        class_names: words may be numbers 0 ... C - 1 too, where no word is one of them or none of them is a number.
            None: the classes are the words, in natural order.
        where: begins messages.
        most_strange: share of words that may be no class (or a few, but not most); with more, or if one is a number,
            it is refused.
    """
    words = as_meant(words, class_names or ())
    if class_names is None and all(map(WHOLE.fullmatch, set(words) - {"", NONE})):
        words = [word.partition(".")[0] for word in words]
    found = set(words) - {"", NONE}
    below = {word for word in found.difference(map(plain, class_names or ())) if BELOW.fullmatch(word)}
    if class_names is None and (len(found - below) < 2 or not all(map(class_number, found - below))):
        below = set()
    found -= below
    if class_names is None:
        several = [word for word in found if as_number(word) is None for mark in BETWEEN if mark in word
                   and found.issuperset(map(str.strip, word.split(mark)))]  # fmt: skip
        if several:
            raise ValueError(MULTI_LABEL.format(found=min(several)))
        class_names = sorted(found, key=natural_key)
    number = dict.fromkeys(("", NONE, *below), NO_CLASS)
    number |= {plain(name): label for label, name in enumerate(class_names)}
    places = {word: int(place) for word in found if (place := class_number(word))}
    if found and not found & number.keys() and len(places) == len(found):
        number |= places
        if max(number.values()) >= len(class_names):
            raise ValueError(
                f"{where}: labels must be names of classes or lie in 0 ... {len(class_names) - 1}, "
                f"got {max(places.values())}"
            )
    strange = [word for word in words if word not in number]
    counted = list(filter(class_number, strange))  # numbers of a class may count others, or begin with 1
    allowed = most_strange and min(max(FEW_STRANGE, most_strange * len(words)), len(words) // 2)
    if counted or len(strange) > allowed:
        raise unknown(f"class in {where}", (counted or strange)[0], class_names)
    return [number.get(word, STRANGE) for word in words], tuple(class_names)


def as_number(word: str) -> str | None:
    """The one form of a number, whichever it is written in, with all its digits; None for any other word."""
    found = None if THOUSANDS.fullmatch(word) else WRITTEN.fullmatch(word)
    if found is None:
        return None
    sign, whole, part = found[1], found[2].lstrip("0") or "0", (found[3] or "").rstrip("0")
    number = f"{whole}.{part}" if part else whole
    return f"-{number}" if sign == "-" and number != "0" else number


def class_number(word: str) -> str | None:
    """The same for a whole number that is not below 0, as ``3``, or ``3.0`` as pandas writes it beside a blank."""
    return number if (number := as_number(word)) and number.isdigit() else None


def natural_key(name: str) -> tuple[str, str]:
    """Sorts names as people count: ``2`` before ``10``; names without digits in alphabetical order."""
    return re.sub(r"[0-9]+", lambda number: number[0].zfill(DIGITS), name), name


def doubtful_names(names: Sequence[str]) -> tuple[str, ...]:
    """Sentences on names that agree but for spaces, case or the form of a number, and on names that are no classes."""
    groups, known = defaultdict(list), {*names}
    for name in names:
        groups[loose(name)].append(name)
    said = [f"{' and '.join(map(repr, group))} are taken as {len(group)} classes: are they one?"
            for group in groups.values() if len(group) > 1]  # fmt: skip
    several = [name for name in names if len(parts := re.split(r"[\s,]+", name)) > 1
               and (known.issuperset(parts) or ("," not in name and all(map(str.isdecimal, parts))))]  # fmt: skip
    below_0 = {name for name in names if (as_number(name) or "").startswith("-") and not all(map(as_number, names))}
    for what, found in (
        ("several classes", several),
        ("a missing label", [name for name in names if name.strip().lower() in MISSING or name in below_0]),
        ("a fold or a split of the data", [name for name in names if PART.fullmatch(name.strip().lower())]),
    ):
        if found:
            said.append(f"{', '.join(map(repr, found[:SHOWN]))} looks like {what}, and is taken as a class")
    return tuple(said)


def loose(name: str) -> str:
    """What names have in common that differ in spaces, case or the form of a number alone."""
    text = name.strip()
    return as_number(text) or re.sub(r"[\s_-]+", " ", text).casefold()
