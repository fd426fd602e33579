"""Builds the course as a static folder that works from a file and from any web host.

python -m tools.build_site          # into build/site; open build/site/index.html
"""

import argparse
from pathlib import Path

from tools.website.build import ROOT, build


def main() -> None:
    """Parse, build, say where it is."""
    parser = argparse.ArgumentParser(description="Build the course as a static site, without a kernel or a network.")
    parser.add_argument("--target", type=Path, default=ROOT / "build" / "site")
    target = parser.parse_args().target
    build(target, target.parent / f"{target.name}-source")
    print(target / "index.html")


if __name__ == "__main__":
    main()
