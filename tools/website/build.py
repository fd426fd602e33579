"""Gathers the site's pages in one folder and lets Sphinx make the book of them."""

import shutil
from pathlib import Path

from gdw_notebooks.playground.page import page as playground
from tools.website.chapter import linked, page
from tools.website.live import write_live_data

ROOT = Path(__file__).parents[2]
SLIDES = "slides"  # of docs/teaching: pages of another form, made by tools/build_slides.py
COURSE = "course"  # the page with the chapters; index.html is the playground
CORE, FURTHER = "@CORE@", "@FURTHER@"  # in it, where the chapters are named


def gather(root: Path, source: Path) -> None:
    """All pages, pictures and data from the repository into ``source``, a folder of Sphinx's; it is replaced."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(root / "docs" / "site", source)
    (source / "docs").mkdir()
    for file in sorted((root / "docs").iterdir()):
        if file.suffix == ".md":
            (source / "docs" / file.name).write_text(linked(file.read_text("utf-8")), "utf-8")
        elif file.suffix in (".svg", ".png"):
            shutil.copy(file, source / "docs")
    teaching = source / "docs" / "teaching"
    teaching.mkdir()
    for file in sorted((root / "docs" / "teaching").glob("*.md")):
        if file.stem != SLIDES:
            (teaching / file.name).write_text(linked(file.read_text("utf-8")), "utf-8")
    chapters = notebooks(root, source / "notebooks")
    contents = source / f"{COURSE}.md"
    text = contents.read_text("utf-8")
    for place in (CORE, FURTHER):
        listed = [f"notebooks/{name}" for name, core in chapters.items() if core == (place == CORE)]
        text = text.replace(place, "\n".join(listed))
    contents.write_text(text, "utf-8")
    write_live_data(source / "static")


def notebooks(root: Path, folder: Path) -> dict[str, bool]:
    """A page for each notebook and for the course's plan; returns the names, and whether each is on the core path."""
    folder.mkdir()
    plan = (root / "notebooks" / "README.md").read_text("utf-8")
    (folder / "README.md").write_text(linked(plan), "utf-8")
    names = {}
    for notebook in sorted((root / "notebooks").glob("*.ipynb")):
        solved = root / "notebooks" / "solutions" / notebook.name
        text = page(notebook, solved if solved.exists() else None, folder / "pictures")
        (folder / f"{notebook.stem}.md").write_text(text, "utf-8")
        names[notebook.stem] = "**Core path**" in text.partition("\n```")[0]
    return names


def build(target: Path, source: Path, root: Path = ROOT) -> None:
    """The whole site in ``target``; a warning of Sphinx is an error.

    Raises:
        RuntimeError: Sphinx did not finish, or warned; it has said why.
    """
    from sphinx.cmd.build import build_main  # an extra: the rest of this file works without it

    gather(root, source)
    shutil.rmtree(target, ignore_errors=True)
    options = ["-q", "-W", "--keep-going", "-b", "html", "-d", str(source / ".doctrees")]
    status = build_main([*options, str(source), str(target)])
    if status:
        raise RuntimeError("Sphinx did not finish the site; the lines above say why")
    (target / "index.html").write_text(playground(f"{COURSE}.html"), "utf-8")
    (target / ".nojekyll").touch()  # hosts that would leave out folders with an underscore
