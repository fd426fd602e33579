"""``gdw review suspects.csv``: the page to look through the suspects of a table, opened in a browser."""

import argparse
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from gdw import files
from gdw.comparison.audit.output import SHOWN, check_outputs
from gdw.comparison.audit.page import Shown, page
from gdw.comparison.audit.table import COLUMNS
from gdw.data.picture_labels import NONE, as_meant, natural_key
from gdw.errors import whole_number
from gdw.label_files.columns import usual_columns
from gdw.label_files.label_table import read_table

NEEDED = ("observed", "proposed", "score")  # columns beside the path


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> argparse.ArgumentParser:
    """Add ``review`` to the commands of the command line."""
    found = commands.add_parser("review", help="look through the suspects of an audit, in a browser")
    found.add_argument("suspects", type=Path, metavar="SUSPECTS.csv", help="an audit's table (gdw audit --csv)")
    found.add_argument("folder", type=Path, nargs="?", metavar="FOLDER", help="of the pictures (default: beside it)")
    found.add_argument("--top", type=int, default=SHOWN, metavar="N", help=f"pictures on the page (default: {SHOWN})")
    return found


@files.any_name()
def review(options: argparse.Namespace) -> str:
    """Write the page beside the table and open it; what to print."""
    import pandas as pd

    path = files.user_path(str(options.suspects))
    table = read_table(path)
    paths = [name if "/" in name else name.replace("\\", "/") for name in table.paths]  # as Excel's users write them
    columns = {name: table.columns[found[0]] for name in COLUMNS if (found := usual_columns(table.columns, (name,)))}
    if lacking := [name for name in NEEDED if name not in columns]:
        raise ValueError(f"{path} is not an audit's table: it lacks the columns {', '.join(lacking)}")
    html = path.with_suffix(".html")
    check_outputs(html=html)
    whole_number("--top", options.top, 1)
    folder = _folder(path, paths, options.folder)
    classes = sorted({*columns["observed"], *columns["proposed"]} - {"", NONE}, key=natural_key)
    columns["label"] = as_meant(columns.get("label", [""] * len(paths)), classes, places=False)  # not all classes
    frame = pd.DataFrame({"path": paths, **columns})
    frame["score"] = pd.to_numeric(frame["score"].str.replace(",", "."), errors="coerce").fillna(0.0)
    shown = Shown([folder / name for name in paths])
    said = ["What you decide is kept in this browser. Save confirmed.csv for the next audit, and to train."]
    files.write(html, page(folder.name, frame, shown, said, pd.DataFrame(), options.top))
    webbrowser.open(html.resolve().as_uri())
    return f"{html}: {min(options.top, len(frame))} of {len(frame)} pictures to look through, in your browser"


def _folder(table: Path, paths: Sequence[str], named: Path | None) -> Path:
    """The folder that the paths begin in: the one named, else the table's or the current one; or one in these."""
    starts = [table.resolve().parent, Path.cwd()] if named is None else [files.user_path(str(named))]
    below = [place for start in starts if start.is_dir() for place in sorted(start.iterdir()) if place.is_dir()]
    places = [*starts, *below]
    found = next((place for place in places if any((place / name).is_file() for name in paths[:10])), None)
    if found is None:
        raise FileNotFoundError(
            f"{paths[0]} is not in {places[0]}: say where the pictures are, gdw review {table.name} FOLDER"
        )
    return found
