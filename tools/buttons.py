"""Badges and buttons that need the repository's public address: ``project.urls`` in pyproject.toml, and nowhere else.

python -m tools.buttons      # writes them into README.md; none while pyproject.toml names no address
"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

from gdw_notebooks.course.colab import first_cell

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
BRANCH = "main"
FIRST = "notebooks/00_start_here.ipynb"
BEGIN, END = "<!-- buttons: python -m tools.buttons -->", "<!-- end of buttons -->"
GITHUB = re.compile(r"https://github\.com/(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?")


def project_urls() -> dict[str, str]:
    """What pyproject.toml says: ``Repository`` and ``Site``, where they are known."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"].get("urls", {})


def buttons(urls: Mapping[str, str], notebook: str = FIRST, badges: bool = False) -> str:
    """One line of Markdown: open this notebook on Colab and on Binder, read the book; empty without an address.

    Args:
        urls: ``project_urls()``.
        notebook: its path in the repository.
        badges: also show whether the tests pass.

    Raises:
        ValueError: a repository's address that is not one of GitHub: Colab and Binder open those.
    """
    shown = []
    if "Repository" in urls:
        name, path = repository_name(urls), quote(notebook)
        tests = f"https://github.com/{name}/actions/workflows/tests.yml"
        shown += [f"[![Tests]({tests}/badge.svg)]({tests})"] if badges else []
        shown += [
            f"[Open on Colab](https://colab.research.google.com/github/{name}/blob/{BRANCH}/{path})",
            f"[Open on Binder](https://mybinder.org/v2/gh/{name}/{BRANCH}?labpath={quote(notebook, safe='')})",
        ]
    if "Site" in urls:
        shown.append(f"[Read the course]({urls['Site']})")
    return " · ".join(shown)


def repository_name(urls: Mapping[str, str]) -> str:
    """``OWNER/NAME`` of the repository on GitHub; ValueError: its address is another one."""
    given = urls["Repository"]
    found = GITHUB.fullmatch(given)
    if not found:
        raise ValueError(f"project.urls: Repository wants https://github.com/OWNER/NAME, got {given!r}")
    return found["name"]


def colab_cell(urls: Mapping[str, str]) -> str:
    """The code of a notebook's first cell on Colab (gdw_notebooks/course/colab.py); empty without an address."""
    if "Repository" not in urls:
        return ""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    return first_cell(repository_name(urls), [*project["dependencies"], *project["optional-dependencies"]["course"]])


def with_buttons(page: str, urls: Mapping[str, str]) -> str:
    """The page with new text between its two marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the page needs the lines {BEGIN!r} and {END!r}")
    line = buttons(urls, badges=True)
    return f"{before}{BEGIN}\n{line}\n{END}{after}" if line else f"{before}{BEGIN}\n{END}{after}"


if __name__ == "__main__":
    README.write_text(with_buttons(README.read_text("utf-8"), project_urls()), "utf-8")
