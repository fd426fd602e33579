"""The bilevel step as a page: a table a stage, folded but for the one that is shown, and planes with the gradients.

All of it is text, tables and SVG, made here; steps.js opens stages, lights terms up and moves what has moved.
"""

import re
from html import escape

from gdw_notebooks.examples.bilevel import Stage, Walk
from gdw_notebooks.examples.small_problem import CLASS, CLASSES, INSTANCES
from gdw_notebooks.figures.formulas import formula
from gdw_notebooks.figures.gradient_planes import planes

AXES, ONE = ("1", "2"), ("",)
# name: (LaTeX, what it is, columns, whether its rows are the pictures)
TENSORS = {
    "x": ("x", "pictures", AXES, True), "theta": (r"\theta", "parameters", AXES, False),
    "z": ("z", "logits", CLASSES, True), "p": ("p", "probabilities", CLASSES, True),
    "loss": (r"\ell", "losses", ONE, True), "d": ("f", "flows", CLASSES, True),
    "V": (r"V(\ell)", "weight by V", ONE, True), "w": ("w", "weights", CLASSES, True),
    "theta_virtual": (r"\theta'", "virtual parameters", AXES, False), "meta_loss": ("L", "clean loss", ONE, False),
    "clean": (r"\nabla L", "clean gradient", AXES, False), "t": (r"\tau", "tangent", CLASSES, True),
    "g": ("g", "meta gradient", CLASSES, True), "fd": ("g", "by finite differences", CLASSES, True),
    "change": (r"\Delta w", "change of w", CLASSES, True), "sent": ("w f / B", "sent back", CLASSES, True),
    "sum": (r"\sum_c", "row sum", ONE, True),
}  # fmt: skip
FOLDED = ("w", "g", "fd", "change")  # one column in instance mode
TERM = re.compile(r"\\class\{of-(\w+)\}")


def stepper(walk: Walk, number: int, stages: range | None = None) -> str:
    """The page, open at stage ``number`` (from 0).

    Args:
        walk: all stages.
        number: the stage that is open.
        stages: which ones to show, by default all; a page for an exercise ends with the one that asks.
    """
    stages = stages or range(len(walk))
    parts = (_stage(walk, k, k == number) for k in stages)
    return f'<div class="stages">{"".join(parts)}{planes(walk, number, stages[-1])}</div>'


def columns_of(name: str, mode: str) -> tuple[str, ...]:
    """Headings of a tensor's columns."""
    return ONE if mode != CLASS and name in FOLDED else TENSORS[name][2]


def number_text(value: float) -> str:
    """Three decimals; never a negative zero."""
    return f"{value:z.3f}".replace("-", "−")


def shown(stage: Stage) -> list[str]:
    """The tensors in a stage's table: those that it wrote, then all others that its formula names."""
    named = [name for name in TERM.findall(stage.formula) if name in stage.tables]
    return list(dict.fromkeys([*(name for name in named if name in stage.changed), *stage.changed, *named]))


def _stage(walk: Walk, k: int, is_open: bool) -> str:
    stage, before = walk.stages[k], walk.stages[k - 1].tables if k else {}
    bodies = "".join(_tensor(walk.mode, stage, name, before.get(name)) for name in shown(stage))
    gone = "<p>θ′ is thrown away.</p>" if "theta_virtual" in set(before) - set(stage.tables) else ""
    return (
        f'<details class="stage{" now" if is_open else ""}"{" open" if is_open else ""}>'
        f"<summary>{k + 1}. {escape(stage.title)}</summary>"
        f'<div class="formula">{formula(stage.formula, block=True)}</div><p class="reading">{escape(stage.reading)}</p>'
        f'<table aria-label="Numbers of station {k + 1}">{bodies}</table>{gone}</details>'
    )


def _tensor(mode: str, stage: Stage, name: str, before: tuple | None) -> str:
    """One group of rows: a tensor's names of columns, then a row for each picture."""
    latex, words, _, by_picture = TENSORS[name]
    columns, changed = columns_of(name, mode), stage.changed.get(name, frozenset())
    heading = "".join(f'<th scope="col">{column}</th>' if column else "<td></td>" for column in columns)
    mark = ' <em class="written">new</em>' if changed else ""
    rows = [f'<tr><th scope="rowgroup">{formula(latex)} {escape(words)}{mark}</th>{heading}</tr>']
    for i, values in enumerate(stage.tables[name]):
        cells = "".join(_cell(value, (i, j) in changed, before and before[i][j]) for j, value in enumerate(values))
        rows.append(f'<tr><th scope="row">{escape(INSTANCES[i]) if by_picture else ""}</th>{cells}</tr>')
    return f'<tbody class="of-{name}">{"".join(rows)}</tbody>'


def _cell(value: float, is_new: bool, before: float | None) -> str:
    was = f" <small>was {number_text(before)}</small>" if is_new and before is not None else ""
    return f'<td class="new">{number_text(value)}{was}</td>' if is_new else f"<td>{number_text(value)}</td>"
