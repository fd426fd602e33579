"""Where the course's files are: in the repository next to the code, in an installed package inside it."""

from pathlib import Path

PACKAGE = Path(__file__).parents[1]  # gdw_notebooks
REPOSITORY = PACKAGE.parent


def notebooks() -> Path:
    """The folder of the notebooks; the recorded runs are in its ``histories``."""
    return _found("notebooks", "notebooks")


def standing() -> Path:
    """The folder of the standing comparison's results."""
    return _found("standing", "benchmarks/standing")


def docs() -> Path:
    """The folder of the pages beside the notebooks; the lecturer's pack is in its ``teaching``."""
    return _found("docs", "docs")


def site() -> Path:
    """The course as pages that open without a server; in the repository it is there once it was built."""
    return _found("site", "build/site")


def slides() -> Path:
    """The folder of the lecturer's slides; in the repository it is there once they were built."""
    return _found("slides", "build/slides")


def glossary() -> Path:
    """The one page that explains the words of the course."""
    return docs() / "glossary.md"


def _found(installed: str, in_repository: str) -> Path:
    """A wheel brings the folder inside the package (see ``package-dir`` in pyproject.toml)."""
    inside = PACKAGE / installed
    return inside if inside.is_dir() else REPOSITORY / in_repository
