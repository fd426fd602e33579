"""A stored notebook as a page of the book: MyST Markdown, and its pictures. Nothing is run."""

import base64
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import nbformat
from nbformat import NotebookNode

# Panels that stand still here and move on a page of their own: by the name at the beginning of their text.
PANELS = {
    "TrainingLab": ("the training lab, on recorded runs", "live/lab"),
    "FlowMicroscope": ("the flow microscope", "live/microscope"),
    "BilevelStepper": ("the bilevel stepper", "live/stepper"),
    "FlowLedger": ("the flow ledger", "live/ledger"),
}
STILL = "Still"  # what never moves
NOT_HERE = "Here it stands still. In the installed course you can move it.\n\n"
ONLY_LIVE = ("RoomCheck", "LiveRun", "SpotTheWrongLabel")  # they are nothing without Python
REVEALS = "reveals"  # the tag of a cell that answers a question above it
IMAGE = "image/png"
NO_PAGE = re.compile(r"\[([^\]]*)\]\((?:\.\./)+(?:benchmarks/)?README\.md\)")  # they are read beside the code
SOLUTION, CODE = "Solution", "The code"
# A part of a text that needs Python, and what the site has in its place: <!-- here --> ... <!-- on the site ... -->
HERE = re.compile(r"<!-- here -->.*?<!-- on the site\s(.*?)-->", re.DOTALL)
PLAYGROUND = """```{raw} html
<iframe class="playground" src="../index.html" title="The playground: three networks learn from wrong labels"></iframe>
```

<a href="../index.html">The playground on a page of its own</a>"""


def page(notebook: Path, solved: Path | None, pictures: Path) -> str:
    """The page's text; its pictures are written into a folder.

    Args:
        notebook: as students open it.
        solved: the same with solutions and all outputs, where there is one.
        pictures: a folder next to the page.
    """
    posed = nbformat.read(notebook, as_version=4)
    shown = nbformat.read(solved, as_version=4) if solved else posed
    if len(posed.cells) != len(shown.cells):
        raise ValueError(f"{solved} has {len(shown.cells)} cells, {notebook} has {len(posed.cells)}: build both again")
    parts, question, answers = [], "", []
    for number, (before, cell) in enumerate(zip(posed.cells, shown.cells, strict=True)):
        if cell.cell_type == "markdown":
            text, of_answer = cell.source, 0
            if question and answers:
                of_answer = _end_of_answer(text)
            parts += _answered(question, answers, linked(text[:of_answer]).strip())
            question, answers = _question(text), []
            parts += [linked(text[of_answer:])] if text[of_answer:] else []
            continue
        outputs = "\n\n".join(_outputs(cell, pictures, f"{notebook.stem}-{number}"))
        if REVEALS in cell.metadata.get("tags", []):
            answers.append((outputs, cell.source))
        else:
            parts += [*_answered(question, answers), _code(before, cell, outputs)]
            answers = []
    return "\n\n".join([*parts, *_answered(question, answers)]) + "\n"


def _question(text: str) -> str:
    """The last question of a text in its own words, which name the fold with its answer; empty: it asks none."""
    before = text.partition("<details")[0].rpartition("**Predict first.**")
    plain = re.sub(r"[*$`]", "", before[2]).replace(r"\geq", "≥")
    asked = re.findall(r"[^.?!]+\?", plain)
    return " ".join(f"After your guess: {asked[-1]}".split()) if before[1] and asked else ""


def _answered(question: str, answers: Sequence[tuple[str, str]], said: str = "") -> list[str]:
    """What neighbouring cells show, in one fold if it answers a question; their code is folded too.

    Args:
        said: of it, below.
    """
    if not answers:
        return []
    code = _folded(CODE, _fence("\n\n\n".join(source for _, source in answers)))
    shown = "\n\n".join([*(outputs for outputs, _ in answers if outputs), code, *([said] if said else [])])
    return [_folded(question, shown) if question else shown]


def _end_of_answer(text: str) -> int:
    """Where a text that follows an answer has said what is seen there; 0: it does not."""
    for paragraph in re.finditer(r"(?:[^\n]+(?:\n|\Z))+\n*", text):
        if paragraph[0].startswith(("#", "**Predict first")):
            break
        if paragraph[0].startswith("**What you see"):
            return paragraph.end()
    return 0


def linked(text: str) -> str:
    """The text with links between notebooks, and from notebooks to docs, as links between pages; others are words."""
    text = NO_PAGE.sub(r"\1", HERE.sub(r"\1", text))
    text = text.replace("](../../docs/", "](../docs/")
    return re.sub(r"(\]\([\w./-]+)\.ipynb(#[\w-]*)?\)", r"\1.md\2)", text)


def _code(question: NotebookNode, cell: NotebookNode, outputs: str) -> str:
    """An exercise shows its stub, and its solution on demand; code that only prepares is folded."""
    if question.source != cell.source:
        return "\n\n".join([_fence(question.source), _folded(SOLUTION, _fence(cell.source)), outputs])
    code = _fence(cell.source)
    return "\n\n".join([_folded(CODE, code) if outputs in ("", PLAYGROUND) else code, outputs])


def _folded(summary: str, text: str) -> str:
    return f'<details class="answer">\n<summary>{summary}</summary>\n\n{text}\n\n</details>'


def _fence(text: str, language: str = "python") -> str:
    longest = max(map(len, re.findall("`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}{language}\n{text.rstrip()}\n{ticks}"


def _outputs(cell: NotebookNode, pictures: Path, name: str) -> Iterator[str]:
    for place, output in enumerate(cell.get("outputs", [])):
        if output.output_type == "stream":
            yield _text(output.text)
        elif output.output_type == "error":
            raise ValueError(f"the notebook of {name} stores an error: {output.ename}: {output.evalue}")
        elif _panel(output) in ONLY_LIVE:
            continue
        elif _panel(output) == "Playground":
            yield PLAYGROUND
        elif IMAGE in output.data:
            file = pictures / f"{name}-{place}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(base64.b64decode(output.data[IMAGE]))
            yield _picture(file, output)
        elif "text/html" in output.data:
            yield f'{_live(output)}```{{raw}} html\n<div class="output">{output.data["text/html"]}</div>\n```'
        elif "text/plain" in output.data:
            yield _live(output) + _text(output.data["text/plain"])


def _text(text: str) -> str:
    return f'<div class="output">\n\n{_fence(text, "text")}\n\n</div>' if text.strip() else ""


def _picture(file: Path, output: NotebookNode) -> str:
    image = f"```{{image}} {file.parent.name}/{file.name}\n:alt: {alt_text(output)}\n```"
    return f'{_live(output)}<div class="output">\n\n{image}\n\n</div>'


def _live(output: NotebookNode) -> str:
    """Where a panel moves, for above the still one: the text has just said what to do with it."""
    name, live = PANELS.get(_panel(output), ("", ""))
    if live:
        return f'Here it stands still. <a href="../{live}.html">Move it yourself: {name}</a>\n\n'
    return NOT_HERE if IMAGE in output.data and _panel(output) != STILL else ""


def alt_text(output: NotebookNode) -> str:
    """The words that a stored picture carries, in one line.

    Raises:
        ValueError: a picture without words.
    """
    stored = output.get("metadata", {}).get(IMAGE, {}).get("alt", "")
    if not stored.strip():
        raise ValueError(f"a stored picture has no alternative text: {output.data.get('text/plain', '')[:60]!r}")
    return " ".join(stored.split())


def _panel(output: NotebookNode) -> str:
    """The kind of panel that left the picture."""
    return re.match(r"\w*", output.data.get("text/plain", ""))[0]
