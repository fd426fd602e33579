"""A Sphinx extension: formulas become MathML while the site is built, so that no page loads a script for them."""

from docutils import nodes
from sphinx.application import Sphinx

from gdw_notebooks.figures.formulas import formula


def _inline(translator, node: nodes.Element) -> None:
    translator.body.append(formula(node.astext()))
    raise nodes.SkipNode


def _block(translator, node: nodes.Element) -> None:
    translator.body.append(f'<div class="formula">{formula(node.astext(), block=True)}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Register the renderer under the name ``mathml``."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
