"""A Sphinx extension: formulas become MathML while the site is built, so that no page loads a script for them."""

from html import escape

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx


def formula(latex: str, *, block: bool) -> str:
    """One formula as MathML, with its source for screen readers that read LaTeX."""
    mathml = convert(latex.strip(), display="block" if block else "inline")
    return mathml.replace("<math ", f'<math aria-label="{escape(latex.strip(), quote=True)}" ', 1) if block else mathml


def _inline(translator, node: nodes.Element) -> None:
    translator.body.append(formula(node.astext(), block=False))
    raise nodes.SkipNode


def _block(translator, node: nodes.Element) -> None:
    translator.body.append(f'<div class="formula">{formula(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Register the renderer under the name ``mathml``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
