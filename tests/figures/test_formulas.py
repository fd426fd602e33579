"""Formulas in a page: every formula of the course and of the stepper has letters where LaTeX has commands."""

import re
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import pytest

from gdw_notebooks.examples.bilevel_text import TEXTS
from gdw_notebooks.figures.formulas import NAMESPACE, formula

ROOT = Path(__file__).parents[2]
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$\w])\$(?!\s)([^$]+?)(?<!\s)\$(?!\d)", re.DOTALL)
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
WORDS = {"softmax", "clip", "mean", "meta", "max", "log", "ln", "Adam"}  # of the course's formulas, set upright


def texts():
    for file in (*ROOT.glob("docs/**/*.md"), *ROOT.glob("notebooks/*.md")):
        yield file.read_text("utf-8")
    for file in ROOT.glob("notebooks/*.ipynb"):
        cells = nbformat.read(file, as_version=4).cells
        yield "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def of_the_course():
    found = (match for text in texts() for match in FORMULA.finditer(CODE.sub("", text)))
    return dict.fromkeys((match[1] or match[2]).strip() for match in found)


def letters(math):
    parts = ElementTree.fromstring(math).iter()
    return [part.text for part in parts if part.text and not part.tag.endswith("mtext")]


def test_every_formula_is_letters_numbers_and_known_words():
    formulas = [*of_the_course(), *(formula_of for _, formula_of, _ in TEXTS.values())]
    assert len(formulas) > 70
    for latex in formulas:
        for text in letters(formula(latex, block=True)):
            assert "\\" not in text, latex
            assert len(text) == 1 or text in WORDS or re.fullmatch(r"[\d.]+", text), (latex, text)


@pytest.mark.parametrize("size", ["big", "Big", "bigg", "Bigg"])
@pytest.mark.parametrize(
    ("name", "letter"), [("langle", "⟨"), ("lvert", "|"), ("lbrace", "{"), ("lfloor", "⌊"), ("{", "{")]
)
def test_a_bracket_with_a_size_is_a_bracket(size, name, letter):
    assert letters(formula(rf"\{size}l\{name} x")) == [letter, "x"]


@pytest.mark.parametrize(
    "latex", [r"\theta'", r"g'_c", r"{\theta'}_i", r"\nabla_{\theta'} L", r"x''", r"\theta^\prime"]
)
def test_a_prime_is_beside_its_letter(latex):
    math = ElementTree.fromstring(formula(latex))
    (prime,) = (part for part in math.iter() if set(part.text or " ") <= {"′", "″"})
    assert prime.tag == f"{{{NAMESPACE}}}mo"
    assert not [part for part in math.iter() if part.tag.endswith(("msup", "msubsup"))]


def test_the_sign_of_a_number_is_close_to_it():
    minus = next(part for part in ElementTree.fromstring(formula("g = -x")).iter() if part.text == "−")
    assert minus.get("form") == "prefix"
    minus = next(part for part in ElementTree.fromstring(formula("(a) - x")).iter() if part.text == "−")
    assert minus.get("form") is None


def test_an_unknown_command_is_refused():
    with pytest.raises(ValueError, match="foo"):
        formula(r"\foo x")
