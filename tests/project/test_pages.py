"""Pages and notebooks: their links lead somewhere, and they name no package index."""

import re
from functools import cache
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
# docs/site is linked as it lies when it is built, and the built site has its own test
HIDDEN = {".venv", ".git", "build", ".pytest_cache", ".ipynb_checkpoints"}
PAGES = [
    path for kind in ("*.md", "*.ipynb") for path in sorted(ROOT.rglob(kind))
    if not HIDDEN & set(path.relative_to(ROOT).parts) and not path.is_relative_to(ROOT / "docs" / "site")
]  # fmt: skip


@cache
def text_of(page: Path) -> str:
    if page.suffix == ".md":
        return page.read_text("utf-8")
    cells = nbformat.read(page, as_version=4).cells
    return "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


def anchors(page: str) -> set[str]:
    """Of a page's headings, as GitHub and JupyterLab make them."""
    return {re.sub(r"[^\w -]", "", found.lower()).replace(" ", "-") for found in re.findall(r"(?m)^#+ (.+)$", page)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere_and_no_package_index_is_named(page):
    for link in re.findall(r"\]\(((?!https?:|mailto:|figure|steps:)[^)\s]+)\)", text_of(page)):
        path, _, anchor = link.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), link
        assert not anchor or anchor in anchors(text_of(there)), link
    assert not re.search(r"index-url|find-links|trusted-host|/simple/|download\.pytorch", text_of(page))
