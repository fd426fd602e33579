"""The first cell of a notebook on Google Colab: it installs what is missing there and keeps Colab's own torch."""

import re
from collections.abc import Sequence

KEPT = ("torch", "torchvision")  # Colab's builds fit its GPUs and drivers; another build may not
COLAB_HAS = ("ipykernel", "jupyterlab", "jupyter-server", "voila")  # Colab is the server, with a kernel of its own
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")

CELL = """\
# Run this first on Google Colab. It installs what the course needs and Colab lacks, and keeps Colab's own torch.
import subprocess, sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

KEPT, WANTED, COURSE = {kept}, {wanted}, {course}

def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None

def install(*words):
    print("pip install", *words)
    with TemporaryDirectory() as folder:
        (fixed := Path(folder) / "fixed.txt").write_text("".join(f"{{n}}=={{installed(n)}}\\n" for n in KEPT), "utf-8")
        subprocess.check_call([sys.executable, "-m", "pip", "install", "--quiet", "--constraint", str(fixed), *words])

if "google.colab" not in sys.modules:
    print("This is not Google Colab: nothing is installed.")
elif absent := [name for name in KEPT if installed(name) is None]:
    print("Nothing is installed: this runtime has no", " and no ".join(absent) + ". Choose one of Colab's own.")
else:
    missing = [name + lowest for name, lowest in WANTED.items() if installed(name) is None]
    if missing:
        install(*missing)
    if installed("gdw") is None:
        install("--no-deps", COURSE)
    print("Ready. Kept as they were:", ", ".join(f"{{name}} {{installed(name)}}" for name in KEPT))
    from google.colab import output
    output.enable_custom_widget_manager()  # Colab shows widgets such as the microscope only after this
"""


def first_cell(repository: str, requirements: Sequence[str]) -> str:
    """The cell's code.

    It does not ask for packages that Colab has, even if they are older than the course's lowest versions: replacing a
    package that is in use needs a restart. It has not been tried on Colab itself.

    Args:
        repository: ``"OWNER/NAME"`` on GitHub.
        requirements: what the course needs, as in pyproject.toml: ``"numpy>=2.1"``.

    Raises:
        ValueError: a repository of another form, or a requirement without a name.
    """
    if not REPOSITORY.fullmatch(repository):
        raise ValueError(f"repository must have the form OWNER/NAME, got {repository!r}")
    wanted = {}
    for requirement in requirements:
        found = NAME.match(requirement)
        if not found:
            raise ValueError(f"a requirement starts with a package's name, got {requirement!r}")
        if found[0] not in (*KEPT, *COLAB_HAS):
            wanted[found[0]] = requirement[found.end() :]
    course = f"gdw @ git+https://github.com/{repository}"
    return CELL.format(kept=repr(KEPT), wanted=repr(wanted), course=repr(course))
