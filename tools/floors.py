"""The lowest versions that pyproject.toml allows, as a constraints file: do the tests still pass with them?

python -m tools.floors > floors.txt
python -m pip install --constraint floors.txt --editable ".[course,test]"

What those packages themselves ask for may be newer than its lowest version; pip chooses it.
"""

import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
NOT_INSTALLED_SO = {"gdw", "setuptools"}  # the package itself, and what builds it in an environment of its own


def floors(project: dict) -> dict[str, str]:
    """Each requirement's name with its lowest version.

    Raises:
        ValueError: a requirement without a lowest version.
    """
    found = {}
    for line in chain(project["dependencies"], *project["optional-dependencies"].values()):
        requirement = Requirement(line)
        if requirement.name in NOT_INSTALLED_SO:
            continue
        lowest = [bound.version for bound in requirement.specifier if bound.operator == ">="]
        if len(lowest) != 1:
            raise ValueError(f"pyproject.toml: {line!r} names no lowest version, as in {requirement.name}>=1.2")
        found[requirement.name] = lowest[0]
    return found


def main() -> None:
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    print("\n".join(f"{name}=={version}" for name, version in floors(project).items()))


if __name__ == "__main__":
    main()
