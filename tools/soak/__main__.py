"""Try what the package survives, and print the table; the exit status is 1 if anything did not survive.

python -m tools.soak                                # the full counts, about 25 minutes on two cores
python -m tools.soak --write docs/reliability.md    # and write the page
python -m tools.soak --short                        # small counts, a few minutes
python -m tools.soak --json rows.json               # after a failure: only what did not survive is repeated
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

from tools.soak.page import page
from tools.soak.row import Row, table
from tools.soak.sections import SECTIONS, run


def main(arguments: Sequence[str] | None = None, sections: Sequence[Callable[[bool], Row]] = tuple(SECTIONS)) -> int:
    """Run the sections one after another; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there; good rows in it are kept")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there, as docs/reliability.md")
    parser.add_argument("--short", action="store_true", help="small counts")
    options = parser.parse_args(arguments)
    kept = _good_rows(options.json, options.short)
    rows, written, total = [], [], 0.0
    for section in sections:
        row, seconds = kept.get(section.__name__) or run(section, options.short)
        rows.append(row)
        total += seconds
        written.append(asdict(row) | {"section": section.__name__, "short": options.short, "seconds": seconds})
        print(f"{row.name}: {row.survived:,} of {row.tried:,} survived in {seconds:.0f} s", file=sys.stderr, flush=True)
        if options.json:
            options.json.write_text(json.dumps(written, indent=1) + "\n", "utf-8")
    print(table(rows))
    if options.write:
        options.write.write_text(page(rows, total, options.short), "utf-8")
    return 0 if all(row.good for row in rows) else 1


def _good_rows(file: Path | None, short: bool) -> dict[str, tuple[Row, float]]:
    """By its section: each row of an earlier call that survived, with its seconds. So only what failed is repeated."""
    found = json.loads(file.read_text("utf-8")) if file and file.exists() else []
    rows = {
        one["section"]: (Row(**{field.name: one[field.name] for field in fields(Row)}), one["seconds"])
        for one in found
        if one["short"] == short
    }
    return {section: (row, seconds) for section, (row, seconds) in rows.items() if row.good}


if __name__ == "__main__":
    sys.exit(main())
