"""The wings of the house, read from the imports: which wing uses which. Draws docs/wings.svg.

python -m tools.wings        # draws the picture again; tests/test_imports.py says when it is needed
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "wings.svg"

# From bottom to top: each wing imports only from wings before it.
WINGS = {
    "gdw.errors": "error messages",
    "gdw.files": "files read and written safely",
    "gdw.cache": "results kept on disk",
    "gdw.frozen": "values that cannot be changed",
    "gdw.private": "torch's private names",
    "gdw.data": "pictures and labels, noise, splits, batches",
    "gdw.networks": "classifiers, the weight network V",
    "gdw.gradients": "class-level flows, the meta gradient, Step",
    "gdw.methods": "one file per method",
    "gdw.training": "Experiment, the loop, History",
    "gdw.comparison": "sweeps, statistics, tables",
    "gdw": "the public names",
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
# everybody uses the messages; the public names only pass on
HIDDEN = ("gdw.errors", "gdw.files", "gdw.cache", "gdw.frozen", "gdw.private", "gdw")

BOX_WIDTH, BOX_HEIGHT, GAP, MARGIN, COLUMN = 270, 46, 26, 16, 400  # in pixels
METHOD_COLOR, COURSE_COLOR = "#dbe9f6", "#fbe6d4"


def files() -> dict[str, Path]:
    """Every module of the two packages by its dotted name."""
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for package in ("gdw", "gdw_notebooks")
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def imports(module: str, known: dict[str, Path]) -> Iterator[str]:
    """Every module that it imports, at its top or inside a function."""
    path = known[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            source = ".".join([*up, *filter(None, [node.module])])
            # `from gdw import methods` takes a module, `from gdw.gradients.step import Step` a name of one
            yield from (f"{source}.{a.name}" if f"{source}.{a.name}" in known else source for a in node.names)


def wing(module: str) -> str:
    """The wing that a module belongs to: the longest name in ``WINGS`` that it starts with."""
    fitting = [name for name in WINGS if module == name or module.startswith(f"{name}.")]
    return max(fitting, key=len) if fitting else module


def arrows() -> Counter[tuple[str, str]]:
    """How many modules of one wing import from another: ``(importing, imported)`` to a count of imports."""
    known = files()
    found: Counter[tuple[str, str]] = Counter()
    for module in known:
        for imported in set(imports(module, known)):
            if imported in known and wing(imported) != wing(module):
                found[wing(module), wing(imported)] += 1
    return found


def svg() -> str:
    """The picture: wings from bottom to top, the method on the left, the course on the right."""
    shown = [name for name in WINGS if name not in HIDDEN]
    columns = [[n for n in shown if n.split(".")[0] == package] for package in ("gdw", "gdw_notebooks")]
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
    drawn = [pair for pair in sorted(arrows()) if not set(pair) & set(HIDDEN)]
    lines += [_arrow(place[importing], place[imported]) for importing, imported in drawn]
    lines += [_box(name, *place[name]) for name in shown]
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
