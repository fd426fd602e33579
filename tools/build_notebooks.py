"""Makes the course: each notebooks/source/*.py (jupytext's percent format) becomes a notebook with stored outputs.

A source with exercises becomes two. In its code cells the lines between

    # BEGIN SOLUTION
    answer = 3 * 4
    # STUB: answer = None
    # END SOLUTION

are `answer = 3 * 4` in notebooks/solutions/, and `# YOUR CODE`, `answer = None` in notebooks/.

A code cell that begins with `# %% tags=["reveals"]` shows what a question or an exercise asks for. It is run in both
notebooks, but the one in notebooks/ stores no output of it; the solved one stores all. So a source with such cells
becomes two notebooks too.

A question is answered by clicking. Each of its answers is a line, and becomes a fold with what there is to say to it:

    - [ ] 60 % :: One new label in ten is the right one.
    - [x] 54 % :: 0.6 · 0.9 = 0.54.

    python -m tools.build_notebooks            # all
    python -m tools.build_notebooks 01 03      # those whose file name starts so
"""

import argparse
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
SECONDS_PER_CELL = 600  # a hung kernel ends here; no cell of the course comes near it
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
METADATA = {  # nothing of the machine that ran it
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}

BLOCK = re.compile(r"(?ms)^(?P<indent>[ \t]*)# BEGIN SOLUTION\n(?P<body>.*?)^[ \t]*# END SOLUTION$")
REVEALS = "reveals"  # the tag of a cell whose output answers a question above it
DOCS = re.compile(r"\]\(\.\./docs/")  # a link from notebooks/ to docs/
ANSWER = re.compile(
    r"(?m)^(?P<indent> *)- \[(?P<mark>[ x])\] (?P<answer>[^\n]+?) ::\s+(?P<reply>\S.*(?:\n(?P=indent) +\S.*)*)$"
)
FOLD = '<details style="margin-bottom: 0.6em">'  # JupyterLab leaves no gap below a fold
STUB = re.compile(r"^[ \t]*# STUB: ?(.*)$")


def has_solution(source: Path) -> bool:
    """Whether the solved notebook differs from the one that students open."""
    text = source.read_text("utf-8")
    return BLOCK.search(text) is not None or f'tags=["{REVEALS}"]' in text


def reveals(cell: NotebookNode) -> bool:
    return cell.cell_type == "code" and REVEALS in cell.metadata.get("tags", [])


def solve(code: str) -> str:
    """The code with each block's solution in it."""

    def solution(block: re.Match) -> str:
        return "\n".join(line for line in block["body"].splitlines() if not STUB.match(line))

    return BLOCK.sub(solution, code)


def pose(code: str) -> str:
    """The code with each block's stub in place of its solution."""

    def stub(block: re.Match) -> str:
        stubs = [match[1] for line in block["body"].splitlines() if (match := STUB.match(line))]
        return "\n".join(block["indent"] + line for line in ["# YOUR CODE", *stubs])

    return BLOCK.sub(stub, code)


def clickable(text: str) -> str:
    """The text with each answer of a question as a fold: plain HTML, for mouse, keyboard and screen reader."""

    def fold(found: re.Match) -> str:
        verdict = "Right" if found["mark"] == "x" else "No"
        lines = [f"**{verdict}.** {found['reply']}", "", "</details>"]
        return f"{found['indent']}{FOLD}<summary>{found['answer']}</summary>\n\n" + "\n".join(
            found["indent"] + line if line else line for line in lines
        )

    return ANSWER.sub(fold, text)


def generate(source: Path, *, solved: bool) -> NotebookNode:
    """The notebook of a source, not yet run; cell ids follow from the text, so that a change touches few lines."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = solve(cell.source) if solved else pose(cell.source)
        else:
            cell.source = clickable(cell.source)
            if solved:  # one folder deeper
                cell.source = DOCS.sub("](../../docs/", cell.source)
        digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
    nbformat.validate(notebook)
    return notebook


def targets(source: Path, root: Path = NOTEBOOKS) -> Iterator[tuple[Path, bool]]:
    """Where a source's notebooks are, each with whether it is the solved one."""
    name = source.relative_to(root / "source").with_suffix(".ipynb")
    yield root / name, False
    if has_solution(source):
        yield root / "solutions" / name, True


def sources(root: Path = NOTEBOOKS) -> list[Path]:
    return sorted((root / "source").rglob("*.py"))


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells in `folder` and keep their outputs, but nothing that differs from one run to the next."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # the kernel inherits it, as under the tests
    NotebookClient(
        notebook,
        timeout=SECONDS_PER_CELL,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
    ).execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            # A view whose model is gone shows an error; the picture and its text show the panel.
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return notebook


def hide_answers(notebook: NotebookNode) -> None:
    """Store cells that answer a question as not yet run; nbval runs them, and compares nothing."""
    for cell in filter(reveals, notebook.cells):
        cell.outputs, cell.execution_count = [], None


def build(source: Path, root: Path = NOTEBOOKS) -> list[Path]:
    """Make, run and write a source's notebooks; returns their paths."""
    written = []
    for target, solved in targets(source, root):
        target.parent.mkdir(parents=True, exist_ok=True)
        notebook = execute(generate(source, solved=solved), target.parent)
        if not solved:
            hide_answers(notebook)
        nbformat.write(notebook, target)
        written.append(target)
    return written


def main() -> None:
    parser = argparse.ArgumentParser(description="Make, run and store the notebooks from notebooks/source.")
    parser.add_argument("names", nargs="*", help="starts of file names, such as 01; default: all")
    names = parser.parse_args().names
    chosen = [source for source in sources() if not names or source.name.startswith(tuple(names))]
    if names and not chosen:
        parser.error(f"no source in {NOTEBOOKS / 'source'} starts with {' or '.join(names)}")
    for source in chosen:
        for target in build(source):
            print(target.relative_to(NOTEBOOKS.parent))


if __name__ == "__main__":
    main()
