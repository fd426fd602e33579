"""How a comparison changes if the choice of settings sees no clean label beyond each run's clean set, as Markdown.

``python -m benchmarks.clean_set FILE`` makes the table of it (``standing/digits_clean_set.csv``) from the runs that
``python -m benchmarks.choose --spec benchmarks/choose_on_clean_set.toml --json FILE`` has made.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from gdw.comparison.names import title
from gdw.comparison.records import read
from gdw.comparison.report import Difference, holm, paired_difference
from gdw.comparison.tables import differences, table

if TYPE_CHECKING:
    from pandas import DataFrame

TABLE = Path(__file__).parent / "standing" / "digits_clean_set.csv"
DIGITS = "%.6g"  # of the numbers in it
OURS = "gdw"
BROKEN = 50  # %: below it a run on these data has broken down


def marked(difference: Difference) -> str:
    """Bold where it is decided."""
    return str(difference) if difference.undecided else f"**{difference}**"


def changes(own: "DataFrame", before: "DataFrame") -> str:
    """Each method's accuracy by both choices of its settings, on the runs that both tables have.

    Args:
        own: runs at the settings that their own clean sets chose, as ``gdw.comparison.tables.table`` gives them.
        before: runs at the settings of a search with more clean labels.
    """
    both = own.merge(before, on=["scenario", "method", "seed"], suffixes=("", " before"))
    groups = dict(list(both.groupby(["scenario", "method"], sort=False)))
    change = holm({cell: paired_difference(g["accuracy"], g["accuracy before"]) for cell, g in groups.items()})
    ours = [differences(both.assign(accuracy=both[name]), OURS) for name in ("accuracy before", "accuracy")]
    head = "| scenario | method | by 200 | by its own 50 | change | GDW − it, by 200 | GDW − it, by 50 |"
    rows = [head, "| --- " * 7 + "|"]
    for (scenario, method), group in groups.items():
        means = [f"{group[name].mean():.1f}" for name in ("accuracy before", "accuracy")]
        apart = [marked(found[method][scenario]) if method in found else "" for found in ours]
        cells = [scenario, title(method), *means, marked(change[scenario, method]), *apart]
        rows.append(f"| {' | '.join(cells)} |")
    return f"{_words(both, change, ours)}\n\n" + "\n".join(rows) + "\n"


def _words(both: "DataFrame", change: dict, ours: list[dict]) -> str:
    counted = sum(len(by_scenario) for by_scenario in ours[0].values())
    decided = [sum(not d.undecided for by_scenario in found.values() for d in by_scenario.values()) for found in ours]
    changed = [d for d in change.values() if not d.undecided]
    broken = [int((both[name] < BROKEN).sum()) for name in ("accuracy before", "accuracy")]
    return (
        f"Test accuracy in %, means over {both['seed'].nunique()} seeds; differences in points, paired by seed, with "
        f"95 % intervals (Student's t). Bold: decided after Holm's correction, for the {len(change)} changes, and for "
        f"the {counted} differences of each of the last two columns. {len(changed)} of the {len(change)} changes are "
        f"decided; of GDW's differences {decided[0]} by the search's settings and {decided[1]} by the clean set's. The "
        f"mean of all rows goes from {both['accuracy before'].mean():.1f} to {both['accuracy'].mean():.1f}; of "
        f"{len(both)} runs {broken[0]} end below {BROKEN} % by the search's settings, {broken[1]} by the clean set's."
    )


def table_of(records: list[dict]) -> "DataFrame":
    """As ``gdw.comparison.tables.table``, but a method keeps its name: its settings differ from seed to seed here."""
    return table(records).assign(method=[record["method"] for record in records])


def main() -> None:
    """Make the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("records", type=Path, help="what benchmarks.choose has written")
    table_of(read(parser.parse_args().records)).to_csv(TABLE, index=False, float_format=DIGITS)


if __name__ == "__main__":
    main()
