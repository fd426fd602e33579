"""The wings of the house, read from the imports: which wing uses which. Draws docs/wings.svg.

python -m tools.wings        # draws the picture again; tests/test_imports.py says when it is needed
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

import grimp

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "wings.svg"
PACKAGES = ("gdw", "gdw_notebooks")

# What each wing holds, from bottom to top; the messages, files and values that everybody uses are not drawn.
# pyproject.toml has the order that lint-imports holds.
WINGS = {
    "gdw.pictures": "files decoded; their features",
    "gdw.label_files": "tables of labels as people have them",
    "gdw.data": "data sets, noise, splits, batches",
    "gdw.networks": "classifiers, the weight network V",
    "gdw.gradients": "class-level flows, the meta gradient, Step",
    "gdw.methods": "one file per method",
    "gdw.experiments": "what a run is: Experiment, History",
    "gdw.training": "the one loop",
    "gdw.comparison": "sweeps, statistics, tables",
    "gdw.__main__": "the command line",
    "gdw_notebooks.examples": "small problems, taken apart",
    "gdw_notebooks.recorded": "runs too long for a notebook",
    "gdw_notebooks.figures": "numbers in, figure out",
    "gdw_notebooks.panels": "controls beside figures",
    "gdw_notebooks.playground": "training in the page",
    "gdw_notebooks.checks": "feedback on exercises",
    "gdw_notebooks.grading": "students' notebooks, run and checked",
    "gdw_notebooks.course": "commands for the course",
    "gdw_notebooks.__main__": "gdw-course",
}

BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN, COLUMN = 270, 46, 26, 16, 400  # in pixels
METHOD_COLOR, COURSE_COLOR = "#dbe9f6", "#fbe6d4"


def layers() -> list[str]:
    """The wings that lint-imports knows, from bottom to top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    found = [contract for contract in contracts if contract["type"] == "layers"]
    return [f"{package}.{name}" for contract in found for package in contract["containers"]
            for name in reversed(contract["layers"])]  # fmt: skip


def arrows() -> list[tuple[str, str]]:
    """Which wing imports which: ``(importing, imported)``."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    inside = {wing: {wing, *graph.find_descendants(wing)} for wing in WINGS}
    return [
        (importing, imported)
        for importing in sorted(WINGS)
        for imported in sorted(WINGS)
        if importing != imported and _any_import(graph, inside[importing], inside[imported])
    ]


def _any_import(graph: grimp.ImportGraph, modules: Iterable[str], others: set[str]) -> bool:
    return any(graph.find_modules_directly_imported_by(module) & others for module in modules)


def svg() -> str:
    """The picture: wings from bottom to top, the method on the left, the course on the right."""
    columns = [[name for name in WINGS if name.split(".")[0] == package] for package in PACKAGES]
    tallest = max(map(len, columns))
    height = 2 * MARGIN + tallest * BOX_HEIGHT + (tallest - 1) * GAP
    width = 2 * MARGIN + COLUMN + BOX_WIDTH + 90
    place = {
        name: (MARGIN + 90 + column * COLUMN, height - MARGIN - BOX_HEIGHT - row * (BOX_HEIGHT + GAP))
        for column, names in enumerate(columns)
        for row, name in enumerate(names)
    }
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" role="img">',
        "<title>The wings of the package and which wing imports which</title>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 8 4 0 8z" fill="#666"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    lines += [_arrow(place[importing], place[imported]) for importing, imported in arrows()]
    lines += [_box(name, *place[name]) for name in WINGS]
    return "\n".join([*lines, "</svg>", ""])


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    """Within a column a curve on its left, the longer the farther out; between columns a straight line."""
    (x1, y1), (x2, y2) = start, end
    if x1 != x2:
        path = f"M{x1} {y1 + BOX_HEIGHT // 2} {x2 + BOX_WIDTH + 4} {y2 + BOX_HEIGHT // 2}"
    elif y2 - y1 == BOX_HEIGHT + GAP:
        path = f"M{x1 + BOX_WIDTH // 2} {y1 + BOX_HEIGHT} V{y2 - 3}"
    else:
        out = x1 - 12 - (y2 - y1) // 6
        path = f"M{x1} {y1 + BOX_HEIGHT // 2 + 8} C{out} {y1 + 30} {out} {y2 + 10} {x1 - 3} {y2 + BOX_HEIGHT // 2 - 6}"
    return f'<path d="{path}" fill="none" stroke="#999" stroke-width="1.2" marker-end="url(#tip)"/>'


def _box(name: str, x: int, y: int) -> str:
    color = METHOD_COLOR if name.startswith("gdw.") else COURSE_COLOR
    folder = name.replace(".", "/") + (".py" if name.endswith("__") else "/")
    return (
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5" fill="{color}" stroke="#444"/>'
        f'<text x="{x + 10}" y="{y + 19}" font-size="14" font-weight="bold">{escape(folder)}</text>'
        f'<text x="{x + 10}" y="{y + 36}" font-size="12">{escape(WINGS[name])}</text>'
    )


if __name__ == "__main__":
    PICTURE.write_text(svg(), "utf-8")
