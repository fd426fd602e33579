"""Formulas as MathML, made from LaTeX in Python: a page needs no script and no network for them."""

import re
from functools import cache
from html import escape
from xml.etree import ElementTree

from latex2mathml import commands
from latex2mathml.converter import convert
from latex2mathml.symbols_parser import convert_symbol

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
FUNCTIONS = {command[1:] for command in commands.FUNCTIONS}
SIGNS, CLOSING = ("\N{MINUS SIGN}", "+", "\N{PLUS-MINUS SIGN}"), (")", "]", "|", "\N{PRIME}", "\N{RIGHT ANGLE BRACKET}")
NO_SPACE, THIN, BIG = {"lspace": "0", "rspace": "0"}, "0.167em", "1.2em"
PRIMES = set("′″‴⁗")
SCRIPTED = {"msup": None, "msubsup": "msub"}  # what is left of them without their superscript


@cache
def formula(latex: str, *, block: bool = False) -> str:
    r"""One formula as MathML.

    ``\class{name}{...}`` gives a part a class, by which a script finds it.

    Args:
        latex: without its dollar signs.
        block: on a line of its own, with its source as its name for screen readers that read LaTeX.

    Raises:
        ValueError: a command that has no MathML here; it would be shown as its own name.
    """
    text = convert(latex.strip(), display="block" if block else "inline")
    math = ElementTree.fromstring(text)  # noqa: S314 - our own formulas
    ElementTree.register_namespace("", NAMESPACE)
    _beside(math)
    _words(math)
    for element in math.iter():
        element.text = element.text and re.sub(r"\\[A-Za-z]+|\\[{}|]", _symbol, element.text)
        _spaced(element)
    if block:
        math.set("aria-label", " ".join(re.sub(r"\\class\{[\w-]+\}", "", latex).split()))
    return ElementTree.tostring(math, encoding="unicode")


def _symbol(command: re.Match) -> str:
    """The letter of a command that the converter left as it was, such as the bracket after a size."""
    if command[0] in (r"\{", r"\}"):
        return command[0][1]
    code = convert_symbol(command[0])
    if code is None:
        raise ValueError(f"no MathML is known for {escape(command[0])}")
    return chr(int(code, 16))


def _spaced(row: ElementTree.Element) -> None:
    """Spaces as in print: a sign of a number, bars around it, a function before its argument, bold digits."""
    for place, element in reversed(list(enumerate(row))):
        before = row[place - 1] if place else None
        text = element.text or ""
        if text in SIGNS and (before is None or (_name(before) == "mo" and before.text not in CLOSING)):
            element.set("form", "prefix")
            element.set("rspace", "0")
        elif text == "|":
            element.attrib.update(NO_SPACE, stretchy="false")
        elif _name(element) == "mo" and text.isalpha() and len(text) > 1:
            element.attrib.update(lspace=THIN, rspace="0")
        elif element.get("minsize") == BIG:  # as high as the row it would stretch to
            element.set("stretchy", "false")
        if element.attrib.pop("mathvariant", "") == "bold":
            element.set("style", "font-weight: bold")
        if _name(element) == "mi" and text in FUNCTIONS and place + 1 < len(row) and _name(row[place + 1]) != "mo":
            row.insert(place + 1, ElementTree.Element(f"{{{NAMESPACE}}}mspace", width=THIN))


def _name(element: ElementTree.Element) -> str:
    return element.tag.removeprefix(f"{{{NAMESPACE}}}")


def _beside(parent: ElementTree.Element) -> None:
    """Primes beside their letter: fonts draw a prime high up, so that as a superscript it floats above the line."""
    for place, element in enumerate(parent):
        _beside(element)
        if _name(element) not in SCRIPTED or not set(element[-1].text or " ") <= PRIMES:
            continue
        base, prime = element[0], ElementTree.Element(f"{{{NAMESPACE}}}mo", NO_SPACE)
        prime.text = element[-1].text
        row = ElementTree.Element(f"{{{NAMESPACE}}}mrow")
        row.extend((base, prime))
        if rest := SCRIPTED[_name(element)]:
            whole = ElementTree.Element(f"{{{NAMESPACE}}}{rest}")
            whole.extend((row, element[1]))
            row = whole
        row.tail = element.tail
        parent[place] = row


def _words(parent: ElementTree.Element) -> None:
    """A word of upright letters is one name: it is spaced, and read aloud, as a word."""
    for element in list(parent):
        _words(element)
    letters = list(parent)
    upright = all(_name(each) == "mi" and each.get("mathvariant") == "normal" for each in letters)
    if _name(parent) == "mrow" and len(letters) > 1 and upright:
        word = ElementTree.Element(f"{{{NAMESPACE}}}mi")
        word.text = "".join(each.text or "" for each in letters)
        for each in letters:
            parent.remove(each)
        parent.append(word)
