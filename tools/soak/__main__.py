"""Try what the package survives, and print the table; the exit status is 1 if anything did not survive.

python -m tools.soak                                # the full counts, about 25 minutes on two cores
python -m tools.soak --write docs/reliability.md    # and write the page
python -m tools.soak --short                        # small counts, a few minutes
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from tools.soak.page import page
from tools.soak.row import Row, table
from tools.soak.sections import SECTIONS, run


def main(arguments: Sequence[str] | None = None, sections: Sequence[Callable[[bool], Row]] = tuple(SECTIONS)) -> int:
    """Run the sections one after another; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too, with their seconds")
    parser.add_argument("--write", type=Path, metavar="FILE", help="write the page there, as docs/reliability.md")
    parser.add_argument("--short", action="store_true", help="small counts")
    options = parser.parse_args(arguments)
    started, done = time.perf_counter(), []
    for section in sections:
        row, seconds = run(section, options.short)
        done.append(asdict(row) | {"seconds": seconds})
        print(f"{row.name}: {row.survived:,} of {row.tried:,} survived in {seconds:.0f} s", file=sys.stderr, flush=True)
        if options.json:
            options.json.write_text(json.dumps(done, indent=1) + "\n", "utf-8")
    rows = [Row(**{name: value for name, value in one.items() if name != "seconds"}) for one in done]
    print(table(rows))
    if options.write:
        options.write.write_text(page(rows, time.perf_counter() - started, options.short), "utf-8")
    return 0 if all(row.good for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
