"""What a lecturer and a student get: tables for people and for learning platforms, and a page for each student."""

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from gdw_notebooks.checks.asked import ASKED, asked_in
from gdw_notebooks.grading.verdicts import NOT_RUN, Graded, Verdict, printable

COLUMNS = tuple(asked.column for asked in ASKED)
ORDER = ("not answered", "wrong", NOT_RUN, "right")  # verdicts, the best last
# Names in the platforms' downloads, up to where a student's own name of the file begins: that may hold anything.
MOODLE = re.compile(r"(?P<name>[^_]+)_(?P<id>\d+)_assignsubmission_(file|onlinetext)(_|$)")
CANVAS = re.compile(r"(?P<name>[^\W\d_][^\W_]*)(_LATE)?_(?P<id>\d+)_(?P<file>\d+)_(?P<rest>.+)")
FORMULA = re.compile(r"(^|[;\t|])(\s*)(?=[=+@＝＋－＠-])")  # a spreadsheet may begin a new cell at a ; too
COPY = re.compile(r"( ?\(\d+\)|(?P<number>-\d{1,2})|[_ -]?copy\d*)$", re.IGNORECASE)
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 50rem; margin: 2rem auto; padding: 0 1rem;
overflow-wrap: anywhere }}
table {{ border-collapse: collapse; width: 100% }} tr {{ border-bottom: 1px solid GrayText }}
th, td {{ text-align: left; vertical-align: top; padding: .4rem .6rem }} .short {{ white-space: nowrap }}
thead th {{ white-space: nowrap }}
@media (max-width: 40rem) {{ thead {{ display: none }} th, td {{ display: block; padding: .2rem 0 }} }}
</style><body><h1>{title}</h1><p>{total}</p>{parts}</body></html>
"""


@dataclass(frozen=True)
class Person:
    """Whose files they are.

    Args:
        name: as it is in the table.
        moodle, canvas: the platform's number of the submission or the person; empty: not in the names of the files.
    """

    name: str
    moodle: str = ""
    canvas: str = ""

    @property
    def called(self) -> str:
        """The name in a line of text, with the platform's number: two may have the same name."""
        number = self.moodle or self.canvas
        return printable(self.name) + (f" ({number})" if number else "")


def people_of(files: Collection[Path]) -> dict[Path, Person]:
    """Whose each file is.

    Canvas gives each person one number and each file another: names that do not fit this ("hw1_2024_11_anna") are
    nobody's of Canvas. What may be the number of a copy is a part of the name where several files differ in it alone
    ("group-1", "group-2"), or where no anna is there besides "anna-2". A folder around Moodle's own is nobody.
    """
    around = {file.parts[0] for file in files}
    if len(around) == 1 and all(len(file.parts) > 1 and MOODLE.match(file.parts[1]) for file in files):
        inner = people_of({file.relative_to(*around) for file in files})
        return {file: inner[file.relative_to(*around)] for file in files}
    flat = {file: found for file in files if (found := _canvas(file))}
    people = {(found["id"], found["name"]) for found in flat.values()}
    numbered = {(found["file"], COPY.sub("", file.stem)) for file, found in flat.items()}
    several = len(files) == 1 or len({name for _, name in people}) > 1
    named = several or all(_is_of_course(found["rest"]) for found in flat.values())
    canvas = named and all(len(dict(pairs)) == len(pairs) for pairs in (people, numbered))
    plain = [file for file in files if not COPY.search(file.stem)]
    known, stems = {person_of(file, canvas=canvas).name for file in plain}, {file.stem for file in plain}
    often = Counter(COPY.sub("", file.stem) for file in files if len(file.parts) == 1)
    shared = {stem for stem, count in often.items() if count > 1 and stem not in stems}
    return {file: person_of(file, known, shared, canvas=canvas) for file in files}


def person_of(file: Path, known: Collection[str] = (), shared: Collection[str] = (), *, canvas: bool = True) -> Person:
    """Whose file this is: of a platform's download as it says; else of the first folder below the one that is graded;
    else of whom the file is named after.

    Args:
        file: below the folder that is graded.
        known: names that stand without a number of a copy.
        shared: names of files without such numbers, which several have and none without one.
        canvas: whether it may be of Canvas's download.
    """
    if found := MOODLE.match(file.parts[0]):  # what is below it has the student's own names
        return Person(found["name"], moodle=found["id"])
    if len(file.parts) > 1:
        return Person(file.parts[0])
    if canvas and (found := _canvas(file)):
        return Person(found["name"], canvas=found["id"])
    copy, without = COPY.search(file.stem), COPY.sub("", file.stem)
    owner = _owner(without)
    is_name = without in shared or (copy and copy["number"] and owner and owner not in known)
    return Person(f"{owner}{copy[0]}" if copy and is_name else owner or without)


def _owner(stem: str) -> str:
    """What a file's name says besides the notebook's."""
    names = "|".join(re.escape(asked.notebook) for asked in ASKED)
    return re.sub(rf"^({names}|\d\d)(?=[_ -]|$)|[_ -]({names})$", "", stem).strip("_- ")


def _is_of_course(stem: str) -> bool:
    """Whether a file is called as a notebook of the course is, and after nobody."""
    return not _owner(COPY.sub("", stem))


def is_of_one(files: Collection[Path]) -> bool:
    """Whether notebooks that lie in one folder are called as the course's are, and after nobody."""
    return all(_is_of_course(file.stem) for file in files)


def _canvas(file: Path) -> re.Match[str] | None:
    found = None if len(file.parts) > 1 or MOODLE.match(file.name) else CANVAS.fullmatch(file.stem)
    return found if found and found["name"] == found["name"].lower() else None


def best_of(graded: Sequence[Graded]) -> dict[str, Verdict]:
    """For each exercise the best verdict; a student may have handed in a notebook twice, or in parts."""
    best: dict[str, Verdict] = {}
    for column, verdict in (item for one in graded for item in one.verdicts.items()):
        if column not in best or ORDER.index(verdict.word) > ORDER.index(best[column].word):
            best[column] = verdict
    return best


def remarks(graded: Sequence[Graded]) -> list[str]:
    """What a lecturer should know about a student's files."""
    said = [f"{printable(one.file)}: {one.remark}" for one in graded if one.remarks]
    count = Counter(one.notebook for one in graded if one.notebook)
    return said + [f"{n} files of {name}: the best answers count" for name, n in count.items() if n > 1]


def grades(people: Mapping[Person, Sequence[Graded]], points: Mapping[str, float]) -> str:
    """Students × exercises: points, their sum, the most that there is, the share in percent, and what was left out."""
    rows = [["student", *points, "points", "of", "percent", "remarks"]]
    rows.append(
        ["(points)", *map(_number, points.values()), _number(most := sum(points.values())), _number(most), "100", ""]
    )
    for person, graded in people.items():
        cells, total = _points(graded, points)
        percent = _number(round(100 * total / most, 1)) if most else ""
        said = "; ".join(remarks(graded))
        rows.append([person.called, *cells, _number(total), _number(most), percent, said])
    return _csv(rows)


def files(people: Mapping[Person, Sequence[Graded]]) -> str:
    """A line for each file: notebook, verdicts and wrong tries of its exercises, remarks."""
    names = [name for column in COLUMNS for name in (column, f"{column}: wrong tries")]
    rows = [["file", "notebook", "right", "asked", *names, "remarks"]]
    for one in (one for graded in people.values() for one in graded):
        found = [one.verdicts.get(column) for column in COLUMNS]
        cells = [cell for verdict in found for cell in ((verdict.word, verdict.tries) if verdict else ("", ""))]
        rows.append([printable(one.file), one.notebook, one.right, len(one.verdicts), *cells, one.remark])
    return _csv(rows)


def moodle(people: Mapping[Person, Sequence[Graded]], points: Mapping[str, float]) -> str:
    """Moodle's grading worksheet: only students whose folder has Moodle's number can be found by it.

    Without a column for the time of the last change Moodle refuses the file (mod/assign/feedback/offline). It is empty:
    so a mark that somebody has given there stays, unless the box that allows changes is ticked.
    """
    rows = [["Identifier", "Full name", "Grade", "Maximum Grade", "Last modified (grade)", "Feedback comments"]]
    for person, graded in people.items():
        best = best_of(graded)
        said = "; ".join(f"{column}: {best[column].word}" for column in points if column in best)
        identifier = f"Participant {person.moodle}" if person.moodle else ""
        total, most = _number(_points(graded, points)[1]), _number(sum(points.values()))
        rows.append([identifier, printable(person.name), total, most, "", said])
    return _csv(rows)


def canvas(people: Mapping[Person, Sequence[Graded]], points: Mapping[str, float]) -> str:
    """Canvas's gradebook: a column for each notebook that somebody gave in, the most that it gives in line two.

    Canvas makes an assignment of each column, and takes a 0 for a mark: a student without it has an empty cell.
    """
    best = {person: best_of(graded) for person, graded in people.items()}
    there = {column for verdicts in best.values() for column in verdicts}
    notebooks = sorted({asked.notebook for asked in ASKED if asked.column in points and asked.column in there})
    asked = {name: {a.column: points[a.column] for a in asked_in(name) if a.column in points} for name in notebooks}
    rows = [["Student", "ID", "SIS User ID", "SIS Login ID", "Section", *notebooks]]
    rows.append(["    Points Possible", "", "", "", "", *(_number(sum(of.values())) for of in asked.values())])
    for person, graded in people.items():
        cells = [_number(_points(graded, of)[1]) if of.keys() & best[person] else "" for of in asked.values()]
        rows.append([printable(person.name), person.canvas, "", "", "", *cells])
    return _csv(rows)


def feedback(person: Person, graded: Sequence[Graded], points: Mapping[str, float]) -> str:
    """The student's page: each exercise with its verdict, and what to look at again."""
    total = f"{_number(_points(graded, points)[1])} of {_number(sum(points.values()))} points"
    parts = []
    for one in graded:
        rows = "".join(
            f"<tr><th scope='row'>{escape(column)}</th><td class='short'>{escape(verdict.word)}</td>"
            f"<td>{escape(printable(verdict.text))}</td>"
            f"<td class='short'>{_number(verdict.right * points[column])} / {_number(points[column])}</td></tr>"
            for column, verdict in one.verdicts.items() if column in points
        )  # fmt: skip
        head = "".join(f"<th scope='col'>{name}</th>" for name in ("exercise", "verdict", "what was found", "points"))
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>" if rows else ""
        said = "".join(f"<li>{escape(printable(remark))}</li>" for remark in one.remarks)
        parts.append(f"<h2>{escape(printable(one.file))}</h2>{table}" + (f"<ul>{said}</ul>" if said else ""))
    handed_in = {one.notebook for one in graded}
    if missing := sorted({a.notebook for a in ASKED if a.column in points and a.notebook not in handed_in}):
        or_not = "" if all(handed_in) else ", or not graded"
        parts.append(f"<h2>Not handed in{or_not}</h2><p>{', '.join(missing)}</p>")
    return PAGE.format(title=escape(person.called), total=total, parts="".join(parts))


def read_points(text: str) -> dict[str, float]:
    """Points of each exercise from a CSV with the columns exercise and points; 0 leaves one out.

    Raises:
        ValueError: an exercise that there is not, or no number at or above 0.
    """
    points, given, text = dict.fromkeys(COLUMNS, 1.0), set[str](), text.removeprefix("\ufeff")
    semicolons = re.match(r'"?exercise"?;', text)  # a spreadsheet in a country whose numbers have a comma
    for row in csv.DictReader(io.StringIO(text), delimiter=";" if semicolons else ","):
        exercise, value = (row.get("exercise") or "").strip(), (row.get("points") or "").strip().replace(",", ".")
        if None in row:
            raise ValueError(f"the line of {exercise!r} has more than two fields: write 1.5, or ; between the fields")
        if exercise in given:
            raise ValueError(f"{exercise!r} is there twice")
        given.add(exercise)
        if exercise not in points:
            raise ValueError(f"there is no exercise {exercise!r} in the course; gdw-course release writes all names")
        if not re.fullmatch(r"\d+(\.\d+)?", value):
            raise ValueError(f"the points of {exercise!r} must be a number at or above 0, got {value!r}")
        points[exercise] = float(value)
    return {exercise: value for exercise, value in points.items() if value}


def file_name(person: Person) -> str:
    """A name for the student's page that is a file name on every system."""
    return re.sub(r"[^\w .()-]", "_", person.called).strip(" .")[:80] or "student"


def _points(graded: Sequence[Graded], points: Mapping[str, float]) -> tuple[list[str], float]:
    """The cells of a student's line, and their sum; an exercise without a verdict says so in words."""
    cells, best = [], best_of(graded)
    for column, value in points.items():
        word = best[column].word if column in best else ""
        cells.append({"right": _number(value), NOT_RUN: NOT_RUN, "": ""}.get(word, "0"))
    return cells, sum(value for column, value in points.items() if column in best and best[column].right)


def _number(value: float) -> str:
    return f"{value:g}"


def _csv(rows: Sequence[Sequence[object]]) -> str:
    """Text that no spreadsheet reads as a formula, no matter who wrote it."""
    text = io.StringIO()
    safe = [[FORMULA.sub(r"\1\2'", cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    csv.writer(text, lineterminator="\n").writerows(safe)
    return text.getvalue()
